"""Tells the queue how an attempt ended."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from ..errors import ClaimLost, PlatformError
from ..platform.ports import JobQueue
from ..platform.values import Claim, Outcome
from ..retry import retrying
from .directory import AttemptDirectory
from .lease import Lease

_log = logging.getLogger(__name__)
_SHORT_CHARACTERS = 200
_LONGEST_PAUSE_S = 15.0
_TRY_S = 900.0


def report(
    queue: JobQueue,
    claim: Claim,
    outcome: Outcome,
    directory: AttemptDirectory,
    lease: Lease,
    *,
    alive: Callable[[float], None] = lambda for_s: None,
) -> bool:
    """Report an outcome, for as long as the lease holds; whether nothing is left to do.

    If the queue rejects the outcome, a shortened version of the same status is sent. A claim that the queue has taken
    back needs no outcome, but the queue learns that the process did not crash. When the lease could not be renewed
    nothing is sent: whether another attempt has begun cannot be known, and a later process will ask.

    Parameters
    ----------
    alive: called before each try with the number of seconds that it may take.
    """
    if lease.lost and not lease.taken_back:
        return False
    try:
        lease.record()
    except ClaimLost:
        _log.warning("the last events of %s were not recorded: the claim is lost", claim.job.id)
    if not _finish(queue, claim, outcome, lease, alive):
        return False
    lease.close()
    directory.reported.touch()
    return True


def _finish(queue: JobQueue, claim: Claim, outcome: Outcome, lease: Lease, alive: Callable[[float], None]) -> bool:
    lost = threading.Event()
    lease.on_stop(lambda reason: lost.set() if reason == "lost" else None)
    short = replace(outcome, status_details=(outcome.status_details or "")[:_SHORT_CHARACTERS] or None, errors=())
    for version in (outcome, short):

        def tell(version: Outcome = version) -> None:
            alive(_TRY_S)
            queue.finish(claim, version)

        try:
            retrying(
                tell,
                stop=lost,
                first_s=0.5,
                longest_s=_LONGEST_PAUSE_S,
                on_wait=lambda error, wait_s: _log.warning("the outcome is not reported yet: %s", error),
            )
        except ClaimLost as error:
            _log.warning("the outcome of %s is no longer needed: %s", claim.job.id, error)
            return True
        except PlatformError as error:
            _log.error("the queue did not take the outcome of %s: %s", claim.job.id, error)
            if error.transient or error.credential:
                return False
        else:
            return True
    return False
