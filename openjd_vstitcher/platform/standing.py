"""Where a waiting job stands in its queue, and who works on jobs of its type."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .ports import JobQueue
from .values import WAITING, Job

_LOOKED_AT = 1000


@dataclass(frozen=True)
class Standing:
    """What the queue tells about the jobs of a type.

    Parameters
    ----------
    place: of the job among those that wait, from 1; None if it does not wait.
    waiting: how many jobs of the type wait.
    workers: who runs jobs of the type now.
    last_worker, last_ended_at: who ran the last job of the type that ended, and when.
    """

    place: int | None
    waiting: int
    workers: tuple[str, ...]
    last_worker: str | None
    last_ended_at: datetime | None


def standing(queue: JobQueue, job: Job) -> Standing:
    """Where a job stands among the newest jobs of its type."""
    alike = [other for other in queue.jobs(type=job.type, limit=_LOOKED_AT) if other.id != job.id]
    waiting = [other for other in alike if other.status in WAITING]
    before = [other for other in waiting if (-other.priority, other.updated_at) < (-job.priority, job.updated_at)]
    is_waiting = job.status in WAITING
    ended = [(other.ended_at, other.worker) for other in alike if other.ended_at and other.worker]
    last_ended_at, last_worker = max(ended) if ended else (None, None)
    return Standing(
        place=len(before) + 1 if is_waiting else None,
        waiting=len(waiting) + is_waiting,
        workers=tuple(sorted({other.worker for other in alike if other.status == "IN_PROGRESS" and other.worker})),
        last_worker=last_worker,
        last_ended_at=last_ended_at,
    )
