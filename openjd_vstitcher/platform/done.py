"""Which steps of a job need not run again. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import PlatformError
from ..events import JobPlanned, StepEnded
from ..journal import Entry
from .values import Job


def done_of(job: Job, events: Sequence[Entry]) -> Mapping[str, Any] | None:
    """What succeeded in the last attempt of a job, and in those that it continued, as `JobQueue.retry` takes it.

    Parameters
    ----------
    events: the history of the job.

    Returns
    -------
    None if nothing did.

    Raises
    ------
    PlatformError: the platform keeps no events.
    """
    if not events:
        raise PlatformError(f"the platform keeps no events of job {job.id}, so what succeeded is not known")
    of_attempt = [entry.event for entry in events if entry.attempt == job.attempt]
    planned = [event.template_sha256 for event in of_attempt if isinstance(event, JobPlanned)]
    if not planned:
        return job.done
    before = job.done if job.done and job.done.get("template_sha256") == planned[-1] else {}
    ended = [event.step for event in of_attempt if isinstance(event, StepEnded) and event.state == "succeeded"]
    steps = list(dict.fromkeys([*before.get("steps", ()), *ended]))
    return {"template_sha256": planned[-1], "steps": steps} if steps else None
