"""Finishes an attempt whose process is gone: delivers the outputs that it left, and reports how it ended."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import msgspec

from .. import clock
from ..config import Config
from ..errors import InvalidInput, OpenjdVsError, Problem, StorageError
from ..events import JobEnded, OutputsResumed
from ..journal import Journal, read_journal
from ..outputs.ledger import Ledger
from ..outputs.provenance import Provenance
from ..outputs.sync import OutputSync
from ..outputs.values import Delivery, SyncReport
from ..platform.ports import Platform
from ..platform.values import Outcome
from ..redaction import Redaction
from ..storage.adapters import open_storage
from .directory import AttemptDirectory
from .lease import Lease
from .lock import hold
from .outcome import crashed, given_back
from .report import report
from .retention import lost_with
from .status import StatusFile, StatusUnreadable, read_status

_log = logging.getLogger(__name__)


def finish_attempt(directory: AttemptDirectory, config: Config, platform: Platform) -> bool:
    """Deliver what a killed attempt left, report its outcome, and hold its lease meanwhile.

    Returns whether the queue knows the outcome, or needs none.

    Raises
    ------
    DirectoryBusy: a process works on this attempt.
    InvalidInput: the directory has no readable request.
    """
    with hold(directory):
        directory.withdraw()
        if directory.reported.exists():
            return True
        request = directory.request()
        outcome = outcome_told(directory)
        status = StatusFile(
            directory.status,
            job_id=request.job_id,
            attempt=request.attempt,
            outcome=asdict(outcome) if outcome is not None else None,
        )
        lease = Lease(
            platform,
            request.claim,
            directory,
            status,
            length_s=config.worker.lease_s,
            claimed_s=clock.now_s(),
        )
        with lease:
            if outcome is None:
                _deliver(directory, config, platform, lease, status)
                outcome = outcome_of_killed(directory, config)
            lease.work_over()
            return report(platform, request.claim, outcome, directory, lease, alive=status.alive)


def resume(
    directory: AttemptDirectory, config: Config, catalogue: Platform, *, timeout_s: float | None = None
) -> SyncReport:
    """Deliver what an earlier process of this attempt left in its output directory.

    Raises
    ------
    DirectoryBusy: a process works on this attempt.
    InvalidInput: it is not a job directory with a ledger.
    """
    if not directory.ledger.exists():
        raise InvalidInput(str(directory.path), [Problem("", "has no ledger of outputs")])
    with hold(directory), _resumed(directory, config, catalogue) as sync:
        return sync.finish(timeout_s)


def is_unfinished(directory: AttemptDirectory) -> bool:
    """Whether outputs of an attempt were made that are not delivered, seen by its process or not."""
    try:
        return bool(lost_with(directory))
    except StorageError as error:
        _log.warning("%s: %s", directory.path, error)
        return False


def outcome_told(directory: AttemptDirectory) -> Outcome | None:
    """How the attempt's process said that it ended: in its status, or where that failed, in its journal."""
    try:
        status = read_status(directory.status)
    except StatusUnreadable as error:
        _log.warning("%s", error)
        status = None
    if status is not None and status.outcome is not None:
        return Outcome.of(status.outcome)
    if directory.journal.exists():
        for entry in reversed(list(read_journal(directory.journal))):
            if isinstance(entry.event, JobEnded) and entry.event.outcome is not None:
                return Outcome.of(msgspec.to_builtins(entry.event.outcome))
    return None


def _deliver(directory: AttemptDirectory, config: Config, platform: Platform, lease: Lease, status: StatusFile) -> None:
    try:
        if not is_unfinished(directory):
            return
        with _resumed(directory, config, platform) as sync:
            lease.on_stop(lambda reason: sync.hurry())
            sync.finish(alive=status.alive)
    except (OpenjdVsError, OSError, sqlite3.Error) as error:
        _log.warning("what %s left could not be delivered: %s", directory.path, error)


@contextmanager
def _resumed(directory: AttemptDirectory, config: Config, catalogue: Platform) -> Iterator[OutputSync]:
    """The sync of an attempt's outputs, as its ledger has them."""
    request = directory.request()
    ledger = Ledger(directory.ledger)
    facts = ledger.facts()
    ledger.close()
    if "destination" not in facts:
        raise InvalidInput(str(directory.path), [Problem("", "its ledger names no destination of outputs")])
    journal = Journal(directory.journal, job_id=request.job_id, attempt=request.attempt)
    journal.append(OutputsResumed())
    try:
        delivery = Delivery.of_facts(
            facts, open_storage(config), catalogue, request.claim, Provenance(directory.journal)
        )
        sync = OutputSync(
            directory.output, None, ledger=directory.ledger, journal=journal, delivery=delivery, config=config.outputs
        )
        try:
            yield sync
        finally:
            sync.stop()
    finally:
        journal.close()


def outcome_of_killed(directory: AttemptDirectory, config: Config) -> Outcome:
    """The outcome of an attempt whose process ended without one."""
    try:
        reason = directory.give_back_request.read_text(encoding="utf-8")
    except OSError:
        return crashed(_last_line(directory, config))
    return given_back(reason) if reason else given_back()


def _last_line(directory: AttemptDirectory, config: Config) -> str:
    try:
        lines = directory.process_log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return Redaction(os.environ, also=config.secret_variables)(lines[-1]) if lines else ""
