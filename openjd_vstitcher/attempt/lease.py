"""Keeps the lease of a running attempt: heartbeats, cancel requests, events, and the end in time when it is lost."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

from .. import clock
from ..errors import ClaimLost, PlatformError
from ..events import ActionProgress
from ..journal import Entry, JournalReader
from ..platform.ports import JobQueue
from ..platform.values import Claim
from .directory import AttemptDirectory
from .status import HANG_S, StatusFile

_log = logging.getLogger(__name__)

_LISTEN_S = 0.5
"""How long one look for a cancel request takes at most; a request to give the job back is seen as often."""
_RECORD_S = 2.0
_MOST_UNRECORDED = 10_000
_JOIN_S = 2.0
_PROGRESS_S = 5.0
_STOP_S = 90.0
_NOTE_S = 0.5
_LONGEST_TICK_S = 1.0
LOST_EXIT_CODE = 75
"""The process's exit code when it had to end itself because its work did not stop in time, or was stuck."""
LOST = "the lease could not be renewed in time"
"""Why an attempt gives its job back when it has lost its lease."""

Stop = Literal["canceled", "given back", "lost"]
"""Why an attempt is stopped: the queue asked for it, this machine is shutting down, or the lease is lost."""


@dataclass(frozen=True)
class LeaseTimes:
    """When a lease must be renewed, given up, and is over. Pure; all in seconds.

    Parameters
    ----------
    length_s: of the lease; None where the platform knows no leases and nobody takes a job over.
    renewed_s: when the last renewal was asked for, by `clock.now_s`.
    """

    length_s: float | None
    renewed_s: float

    @property
    def beat_s(self) -> float:
        """When the next heartbeat is due."""
        return self.renewed_s + (self.length_s or 120.0) / 4

    @property
    def stop_s(self) -> float:
        """When the work must be stopped if the lease has not been renewed: early enough to have ended in time."""
        if self.length_s is None:
            return float("inf")
        return self.renewed_s + self.length_s - max(min(self.length_s / 4, 15.0), 0.5)

    @property
    def exit_s(self) -> float:
        """When the process must end itself, whatever it does."""
        if self.length_s is None:
            return float("inf")
        return (self.stop_s + self.renewed_s + self.length_s) / 2


class Lease:
    """Holds a claim for its process, in threads of its own, from `__enter__` to `__exit__`.

    Parameters
    ----------
    length_s: of the lease that each heartbeat asks for.
    claimed_s: when the claim was made, by `clock.now_s`.
    status: how far the attempt is; told to the queue with the heartbeats.
    """

    def __init__(
        self,
        queue: JobQueue,
        claim: Claim,
        directory: AttemptDirectory,
        status: StatusFile,
        *,
        length_s: float,
        claimed_s: float,
    ) -> None:
        self._queue = queue
        self._claim = claim
        self._directory = directory
        self._status = status
        self._length_s = length_s
        self._times = LeaseTimes(None if claim.lease_expires_at is None else length_s, claimed_s)
        self._journal = JournalReader(directory.journal)
        self._recording = threading.Lock()
        self._unrecorded: list[Entry] = []
        self._told: tuple[float, str] = (-1.0, "")
        self._told_s = float("-inf")
        self._record_at_s = 0.0
        self._stop: Stop | None = None
        self._taken_back = False
        self._on_stop: Callable[[Stop], None] | None = None
        self._lock = threading.Lock()
        self._work_over = threading.Event()
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=self._keep, name="lease", daemon=True),
            threading.Thread(target=self._guard, name="lease-guard", daemon=True),
        ]

    @property
    def stop(self) -> Stop | None:
        """Why the attempt must stop, None while it need not."""
        return self._stop

    @property
    def lost(self) -> bool:
        """Whether this attempt must not write anything any longer."""
        return self._stop == "lost"

    @property
    def taken_back(self) -> bool:
        """Whether the queue itself said that the claim no longer holds the job."""
        return self._taken_back

    def on_stop(self, call: Callable[[Stop], None]) -> None:
        """Have a function called when the attempt must stop; at once if it must already. Any thread may call it."""
        with self._lock:
            self._on_stop = call
            reason = self._stop
        if reason is not None:
            call(reason)

    def give_back(self) -> None:
        """Stop the attempt, and put its job back into the queue."""
        self._must_stop("given back")

    def record(self) -> None:
        """Store new events of the journal with the job. What cannot be sent now is sent the next time.

        If the queue rejects them together, each is sent alone, so that one does not take the others with it.

        Raises
        ------
        ClaimLost: the claim is no longer held.
        """
        with self._recording:
            new = [entry for entry in self._journal.read() if not isinstance(entry.event, ActionProgress)]
            entries = [*self._unrecorded, *new][-_MOST_UNRECORDED:]
            if not entries:
                return
            error = self._record(entries)
            self._unrecorded = entries if error is not None and error.transient else []
            if error is not None and not error.transient and len(entries) > 1:
                for entry in entries:
                    self._record([entry])

    def _record(self, entries: Sequence[Entry]) -> PlatformError | None:
        """Send events; returns why they were not taken."""
        try:
            self._queue.record(self._claim, entries)
        except ClaimLost:
            raise
        except PlatformError as error:
            _log.warning("%d events of %s were not recorded: %s", len(entries), self._claim.job.id, error)
            return error
        return None

    def __enter__(self) -> Lease:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        for thread in self._threads if not self.lost else ():  # else a queue that does not answer would hold it up
            thread.join(_JOIN_S)

    def work_over(self) -> None:
        """Say that the attempt's work has ended; its outcome is still to be reported under the lease."""
        self._work_over.set()

    def close(self) -> None:
        """Hold the claim no longer; the outcome is reported."""
        self._closed.set()

    def _keep(self) -> None:
        """Renew the lease, and look for what the queue and the daemon want, until the attempt ends or is lost."""
        while not self._closed.is_set():
            try:
                if self._beat_is_due():
                    self._beat()
                if clock.now_s() >= self._record_at_s:
                    self._record_at_s = clock.now_s() + _RECORD_S
                    self.record()
                if self._directory.give_back_request.exists():
                    self.give_back()
                self._listen()
            except ClaimLost as lost:
                if not self._closed.is_set():
                    _log.warning("%s", lost)
                    self._taken_back = True
                    self._must_stop("lost")
                return
            except PlatformError as error:
                _log.warning("no heartbeat for %s: %s", self._claim.job.id, error)
                self._closed.wait(_LISTEN_S)
            except Exception:  # noqa: BLE001  # the guard ends the attempt in time if this does not get better
                _log.exception("the lease of %s", self._claim.job.id)
                self._closed.wait(_LISTEN_S)

    def _beat_is_due(self) -> bool:
        now_s = clock.now_s()
        if now_s >= self._times.beat_s:
            return True
        return now_s - self._told_s >= _PROGRESS_S and self._told != self._status.told

    def _beat(self) -> None:
        asked_s = clock.now_s()
        progress, message = self._status.told
        beat = self._queue.heartbeat(
            self._claim, lease_s=self._length_s, progress=progress, status_details=message or None
        )
        length_s = None if beat.lease_expires_at is None else self._length_s
        self._times = LeaseTimes(length_s, asked_s)
        self._told, self._told_s = (progress, message), asked_s
        if beat.cancel_requested:
            self._must_stop("canceled")

    def _listen(self) -> None:
        if self._stop is not None:
            self._closed.wait(_LISTEN_S)
            return
        match self._queue.claim_state(self._claim, timeout_s=_LISTEN_S):
            case "lost" if not self._closed.is_set():
                _log.warning("another attempt of %s has begun, or the job was taken back", self._claim.job.id)
                self._taken_back = True
                self._must_stop("lost")
            case "cancel_requested":
                self._must_stop("canceled")

    def _guard(self) -> None:
        """End the attempt before its lease does, and the process if it does not stop or its work is stuck.

        Nothing here waits for anyone. Time in which the whole process was frozen does not count as being stuck.
        """
        stopped_s: float | None = None
        before_s, silent_s = clock.now_s(), 0.0
        while not self._closed.wait(0.1):
            now_s, times = clock.now_s(), self._times
            silent_s = 0.0 if self._status.is_alive else silent_s + min(now_s - before_s, _LONGEST_TICK_S)
            before_s = now_s
            if silent_s > HANG_S:
                _log.error("%s has made no progress for %g s: ending its process", self._claim.job.id, HANG_S)
                os._exit(LOST_EXIT_CODE)
            if self._stop is not None and stopped_s is None:
                stopped_s = now_s
            if now_s >= times.stop_s and not self.lost:
                _log.error("the lease of %s could not be renewed in time: stopping", self._claim.job.id)
                self._must_stop("lost")
            over_time = stopped_s is not None and now_s - stopped_s > _STOP_S
            if (now_s >= times.exit_s or over_time) and not self._work_over.is_set():
                _log.error("%s did not stop in time: ending its process", self._claim.job.id)
                if self.lost and not self.taken_back:
                    self._note_loss()
                os._exit(LOST_EXIT_CODE)

    def _note_loss(self) -> None:
        """Leave word that the process did not crash. A disk that does not answer is not waited for."""
        write = threading.Thread(target=self._directory.give_back_request.write_text, args=(LOST,), daemon=True)
        write.start()
        write.join(_NOTE_S)

    def _must_stop(self, reason: Stop) -> None:
        with self._lock:
            if self._stop == "lost" or (self._stop is not None and reason != "lost"):
                return
            self._stop = reason
            call = self._on_stop
        if call is not None:
            call(reason)
