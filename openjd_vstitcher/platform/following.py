"""Follows jobs by reading the queue, for `submit --wait` and `jobs watch`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from .ports import JobQueue
from .values import ENDED, Job

_LOOK_S = 0.5


def follow(queue: JobQueue, job_id: str, *, at_least_every_s: float = float("inf")) -> Iterator[Job]:
    """The job now, and again after every change, until it has ended.

    Parameters
    ----------
    at_least_every_s: the job comes again after this many seconds, although it did not change.

    Raises
    ------
    NotFound: there is no such job.
    PlatformError: the platform cannot be reached.
    """
    seen, seen_s = None, 0.0
    while True:
        job = queue.job(job_id)
        if job != seen or time.monotonic() - seen_s >= at_least_every_s:
            yield job
            seen, seen_s = job, time.monotonic()
        if job.status in ENDED:
            return
        time.sleep(_LOOK_S)


def changes(read: Callable[[], Sequence[Job]]) -> Iterator[Job]:
    """Each job that `read` returns, the oldest first, then every new or changed one, without end."""
    seen: dict[str, Job] = {}
    while True:
        for job in reversed(read()):
            if seen.get(job.id) != job:
                seen[job.id] = job
                yield job
        time.sleep(_LOOK_S)
