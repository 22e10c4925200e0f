"""The pauses of returned jobs, remembered by this process: today's tables have no column for them."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from ..values import pause_s

_FORGET_S = 86_400.0


@dataclass
class _Known:
    """What is known of a job that was claimed here.

    Parameters
    ----------
    started_at: of the last claim, as the database has it; None when the job may be claimed at once.
    until_s: when its pause ends, None while it does not pause.
    """

    started_at: str | None
    claimed_s: float
    returns: int = 0
    until_s: float | None = None


class Pauses:
    """Which jobs this process leaves alone for now.

    A job usually goes back into the queue by the hand of its attempt, in another process. It shows by its `started_at`,
    which is then still that of the claim; when a person retries a job, that column is cleared.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, _Known] = {}

    def claimed(self, job_id: str, started_at: str) -> None:
        """Note a claim of this process."""
        now_s = time.monotonic()
        with self._lock:
            for old in [key for key, known in self._jobs.items() if now_s - known.claimed_s > _FORGET_S]:
                del self._jobs[old]
            returns = self._jobs[job_id].returns if job_id in self._jobs else 0
            self._jobs[job_id] = _Known(started_at, now_s, returns)

    def ended(self, job_id: str, *, pauses: bool) -> None:
        """Note how a claim ended that this process ended itself.

        Parameters
        ----------
        pauses: whether the job went back into the queue because something was in the way.
        """
        with self._lock:
            known = self._jobs.setdefault(job_id, _Known(None, time.monotonic()))
            known.started_at = None
            if pauses:
                self._pause(known)

    def forget(self, job_id: str) -> None:
        """A person wants the job to be claimed again."""
        with self._lock:
            self._jobs.pop(job_id, None)

    def may_begin(self, job_id: str, started_at: str | None) -> bool:
        """Whether a waiting job may be claimed now.

        Parameters
        ----------
        started_at: of the job's row.
        """
        with self._lock:
            known = self._jobs.get(job_id)
            if known is None:
                return True
            if started_at is None:
                del self._jobs[job_id]
                return True
            if known.until_s is None and known.started_at == started_at:
                self._pause(known)
            return known.until_s is None or time.monotonic() >= known.until_s

    def now(self) -> list[str]:
        """The jobs that pause now."""
        with self._lock:
            now_s = time.monotonic()
            return [key for key, known in self._jobs.items() if known.until_s is not None and now_s < known.until_s]

    @staticmethod
    def _pause(known: _Known) -> None:
        known.until_s = time.monotonic() + pause_s(known.returns)
        known.returns += 1
