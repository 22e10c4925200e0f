"""Follows jobs of the queue: a line with a bar or a table on a terminal, a line for each change elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

import click

from ..platform.following import changes, follow
from ..platform.job_ids import SHORT
from ..platform.ports import Platform
from ..platform.standing import standing
from ..platform.values import WAITING, Job
from ..sentences import duration
from ._console import console, job_line, show
from ._live import Line, LiveLines, can_redraw
from ._tables import JobTable, age, status_of

_LOOK_S = 1.0
_STANDING_S = 5.0
_LEAST_PERCENT = 5.0
"""From here on, the progress tells how long the job takes."""


def follow_job(platform: Platform, job_id: str, *, with_time: bool = False, quiet: bool = False) -> Job:
    """Show a job until it has ended.

    Parameters
    ----------
    quiet: show nothing.
    with_time: begin each line of a log with the time of the change.
    """
    if not quiet and can_redraw() and sys.stdout.isatty():
        return _follow_live(platform, job_id)
    for job in follow(platform, job_id):
        if not quiet:
            click.echo(f"{show(job.updated_at)}  {job_line(job)}" if with_time else job_line(job))
    return job


def watch_jobs(read: Callable[[], Sequence[Job]]) -> None:
    """Show all jobs until Ctrl-C."""
    if not sys.stdout.isatty() or not can_redraw():
        for job in changes(read):
            click.echo(f"{show(job.updated_at)}  {job_line(job)}")
        return
    from rich.live import Live

    with Live(console=console(), auto_refresh=False) as live:
        while True:
            live.update(JobTable(read()), refresh=True)
            time.sleep(_LOOK_S)


def where_it_stands(platform: Platform, job: Job) -> str:
    """The job's place in the queue, and whether a worker for it is known."""
    found = standing(platform, job)
    if found.workers:
        by = f"{', '.join(found.workers)} {'runs' if len(found.workers) == 1 else 'run'} {job.type} jobs now"
    elif found.last_worker and found.last_ended_at:
        by = f"{found.last_worker} ran the last {job.type} job, {age(found.last_ended_at)} ago"
    else:
        by = f"no worker has run a {job.type} job here yet; `openjd-vs daemon` starts one"
    if found.place is None:
        return f"{job.status}; {by}"
    return f"number {found.place} of {found.waiting} waiting {job.type} jobs; {by}"


def _follow_live(platform: Platform, job_id: str) -> Job:
    now, note = platform.job(job_id), ""

    def line() -> list[Line]:
        job = now
        began = job.started_at if job.status == "IN_PROGRESS" and job.started_at else job.created_at
        elapsed_s = time.time() - began.timestamp()
        percent = (job.progress or 0.0) if job.status == "IN_PROGRESS" else None
        left = f"{duration(elapsed_s * (100 / percent - 1))} left, " if percent and percent >= _LEAST_PERCENT else ""
        return [Line(job.id[:SHORT], percent, elapsed_s, left + note)]

    with LiveLines(line):
        looked_s = float("-inf")
        for job in follow(platform, job_id, at_least_every_s=_STANDING_S):
            now = job
            if job.status in WAITING and time.monotonic() - looked_s >= _STANDING_S:
                looked_s = time.monotonic()
                found = standing(platform, job)
                note = f"waiting, number {found.place} of {found.waiting}"
            elif job.status not in WAITING:
                note = "canceling" if job.cancel_requested else job.status_details or status_of(job)
    click.echo(job_line(now))
    return now
