"""The worker's requests to the queue, in threads of their own: a slow or absent queue holds up no running attempt."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

from .. import clock
from ..config import WorkerConfig
from ..errors import ClaimLost, PlatformError
from ..platform.ports import Platform
from ..platform.values import Claim, Outcome
from ..retry import retrying, set_after
from .messages import ClaimFailed, Event, JobsAnnounced, NothingToClaim

_log = logging.getLogger(__name__)
_LISTEN_S = 1.0
_REPORT_S = 60.0


class QueueClient:
    """Claims jobs, gives back what could not begin, and listens for new jobs while that is of use.

    Parameters
    ----------
    on_claim: called with each claim and the time, by `clock.now_s`, at which it was asked for.
    send: called with the events that answer a request. Both are called from threads of this object.
    """

    def __init__(
        self,
        config: WorkerConfig,
        platform: Platform,
        name: str,
        on_claim: Callable[[Claim, float], None],
        send: Callable[[Event], None],
    ) -> None:
        self._config = config
        self._platform = platform
        self._name = name
        self._on_claim = on_claim
        self._send = send
        self._reached = False
        self._refusal: PlatformError | None = None
        self._wanted = threading.Event()
        self._closed = threading.Event()
        self._requests = ThreadPoolExecutor(1, "queue")
        self._listener = threading.Thread(target=self._listen, name="queue-news", daemon=True)

    def __enter__(self) -> QueueClient:
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._wanted.set()
        self._requests.shutdown()
        self._listener.join(2 * _LISTEN_S)

    def configure(self, config: WorkerConfig) -> None:
        """Ask for jobs as a changed configuration says, from the next request on."""
        self._config = config

    def claim(self) -> None:
        """Ask for a job."""
        self._requests.submit(self._claim)

    def finish(self, claim: Claim, outcome: Outcome, then: Callable[[bool], None] = lambda told: None) -> None:
        """Report the outcome of a claim for which no process can do it.

        Parameters
        ----------
        then: called with whether the queue knows the outcome, or needs none.
        """
        self._requests.submit(self._finish, claim, outcome, then)

    def listen(self, wanted: bool) -> None:
        """Say whether news of jobs is of use now."""
        if wanted:
            self._wanted.set()
        else:
            self._wanted.clear()

    def raise_first_refusal(self) -> None:
        """Raise what the queue answered to the first claim, if it refused it for good: the worker cannot work here."""
        if self._refusal is not None:
            raise self._refusal

    def _claim(self) -> None:
        try:
            self._platform.requeue_expired()
            asked_s = clock.now_s()
            claim = self._platform.claim(self._name, self._config.job_types, lease_s=self._config.lease_s)
        except PlatformError as error:
            if not self._reached and not error.transient:
                self._refusal = error
            _log.warning("the queue cannot be used: %s", error)
            self._send(ClaimFailed())
        except Exception:  # noqa: BLE001  # whatever a row holds, the daemon lives
            _log.exception("a claim failed")
            self._send(ClaimFailed())
        else:
            self._reached = True
            if claim is None:
                self._send(NothingToClaim())
            else:
                self._on_claim(claim, asked_s)

    def _finish(self, claim: Claim, outcome: Outcome, then: Callable[[bool], None]) -> None:
        told = False
        try:
            with set_after(min(self._config.lease_s, _REPORT_S)) as over:
                retrying(
                    lambda: self._platform.finish(claim, outcome),
                    stop=over,
                    first_s=0.5,
                    longest_s=10.0,
                    on_wait=lambda error, wait_s: _log.warning("%s is not reported yet: %s", claim.job.id, error),
                )
            told = True
        except ClaimLost as error:
            _log.warning("%s", error)
            told = True
        except PlatformError as error:
            _log.error("the outcome of %s could not be reported; its lease will end: %s", claim.job.id, error)
        except Exception:  # noqa: BLE001  # the lease of this job ends, the daemon lives
            _log.exception("the outcome of %s could not be reported", claim.job.id)
        finally:
            then(told)

    def _listen(self) -> None:
        while not self._closed.is_set():
            self._wanted.wait()
            if self._closed.is_set():
                return
            try:
                if self._platform.wait_for_jobs(self._config.job_types, timeout_s=_LISTEN_S) and self._wanted.is_set():
                    self._wanted.clear()
                    self._send(JobsAnnounced())
            except PlatformError as error:
                _log.warning("no news of jobs: %s", error)
                self._closed.wait(_LISTEN_S)
            except Exception:  # noqa: BLE001  # the worker polls meanwhile
                _log.exception("no news of jobs")
                self._closed.wait(_LISTEN_S)
