"""`openjd-vs jobs`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from ..platform.job_ids import find_job
from ..platform.values import JOB_STATUSES
from ._console import config_option, configured_platform, job_line, json_option, print_json, print_table, show

_SHOWN = (
    *("type", "preset_key", "status", "status_details", "priority", "progress", "attempt", "auto_retries", "worker"),
    *("returns", "crashes", "not_before", "unreadable"),
    *("lease_expires_at", "cancel_requested", "requestor_id", "created_at", "started_at", "ended_at"),
)


def _filters(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True),
        click.option("--worker", help="Only jobs of this worker."),
        click.option("--preset", "preset_key", help="Only jobs of this preset."),
        click.option("--type", help="Only jobs of this type."),
        click.option("--status", type=click.Choice(JOB_STATUSES, case_sensitive=False), help="Only this status."),
    ):
        function = option(function)
    return function


def _columns(ctx: click.Context, option: click.Parameter, given: str | None) -> tuple[str, ...]:
    from ._tables import COLUMNS

    names = tuple(name.strip() for name in given.split(",")) if given else ()
    for name in names:
        if name not in COLUMNS:
            raise click.BadParameter(f"no column is named {name!r}; there are {', '.join(COLUMNS)}")
    return names


@click.group()
def command() -> None:
    """List, show, cancel, retry, hold and release jobs."""


@command.command("list")
@_filters
@click.option("-o", "--output", "columns", metavar="COLUMNS", callback=_columns, help="These columns: job,status,age.")
@click.option("--wide", is_flag=True, help="All columns, with whole ids and details.")
@config_option
@json_option
def list_jobs(config_path: Path | None, as_json: bool, wide: bool, columns: tuple[str, ...], **filters: Any) -> None:
    """List jobs, the newest first, in as many columns as fit. A short id, or any unique prefix, stands for the job."""
    from ._tables import JobTable

    with configured_platform(config_path) as platform:
        jobs = platform.jobs(**filters)
    if as_json:
        print_json(jobs)
    elif jobs or not sys.stdout.isatty():
        JobTable(jobs, columns, wide).print()
    else:
        click.echo("no jobs")


@command.command("show")
@click.argument("job_id")
@config_option
@json_option
def show_job(job_id: str, config_path: Path | None, as_json: bool) -> None:
    """Show a job with its assets."""
    with configured_platform(config_path) as platform:
        job = find_job(platform, job_id)
        assets = platform.assets(job.id)
    if as_json:
        print_json({"job": job, "assets": assets})
        return
    click.echo(f"job {job.id}")
    for name in _SHOWN:
        click.echo(f"  {name.replace('_', ' '):<18}{show(getattr(job, name))}")
    for name, value in job.details.items():
        click.echo(f"  details.{name}: {value}")
    if job.result is not None:
        click.echo(f"  result: {json.dumps(job.result, ensure_ascii=False)}")
    for error in job.errors:
        click.echo(f"  error: {error.get('message', '')}")
        for key, value in error.items():
            if key not in ("message", "last_lines") and value not in (None, "", {}):
                click.echo(f"    {key} {value}")
        for line in error.get("last_lines") or ():
            click.echo(f"    | {line}")
    if assets:
        _print_assets(assets)


@command.command("assets")
@click.argument("job_id")
@config_option
@json_option
def show_assets(job_id: str, config_path: Path | None, as_json: bool) -> None:
    """List the assets of a job."""
    with configured_platform(config_path) as platform:
        assets = platform.assets(find_job(platform, job_id).id)
    if as_json:
        print_json(assets)
    else:
        _print_assets(assets)


@command.command("events")
@click.argument("job_id")
@config_option
@json_option
def show_events(job_id: str, config_path: Path | None, as_json: bool) -> None:
    """Show the history of a job that the platform recorded."""
    from ..sentences import sentence

    with configured_platform(config_path) as platform:
        entries = platform.events(find_job(platform, job_id).id)
    if as_json:
        print_json([entry.as_json() for entry in entries])
        return
    print_table(
        ("when", "attempt", "event", ""),
        ((entry.time, entry.attempt, entry.name, sentence(entry.event)) for entry in entries),
    )


@command.command("logs")
@click.argument("job_id")
@click.option("--attempt", type=int, help="Attempt number. Default: the last attempt.")
@click.option("--journal", is_flag=True, help="Print the journal instead of the session log.")
@config_option
def show_logs(job_id: str, attempt: int | None, journal: bool, config_path: Path | None) -> None:
    """Print the session log or the journal of a job that ran on this machine."""
    from ..attempt.directory import AttemptDirectory
    from ..config import load_config
    from ..errors import NotFound

    with configured_platform(config_path) as platform:
        job = find_job(platform, job_id)
    job_id, attempt = job.id, attempt or job.attempt
    directory = AttemptDirectory(load_config(config_path).worker.work_dir / f"{job_id}.{attempt}")
    file = directory.journal if journal else directory.session_log
    if not file.is_file():
        raise NotFound(f"this machine has no {file.name} of job {job_id}, attempt {attempt}: looked for {file}")
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            click.echo(line, nl=False)


@command.command("watch")
@click.argument("job_id", required=False)
@_filters
@config_option
def watch(job_id: str | None, config_path: Path | None, **filters: Any) -> None:
    """Follow one job until it ends, or all jobs until Ctrl-C."""
    from ._following import follow_job, watch_jobs
    from ._signals import leaving_on_interrupt

    with configured_platform(config_path) as platform, leaving_on_interrupt(lambda: ""):
        if job_id:
            follow_job(platform, find_job(platform, job_id).id, with_time=True)
        else:
            watch_jobs(lambda: platform.jobs(**filters))


def _steering(name: str, method: str, text: str) -> None:
    @command.command(name, help=text)
    @click.argument("job_ids", nargs=-1, required=True, metavar="JOB_ID...")
    @config_option
    @json_option
    def steer(job_ids: tuple[str, ...], config_path: Path | None, as_json: bool) -> None:
        with configured_platform(config_path) as platform:
            found = [find_job(platform, job_id).id for job_id in job_ids]
            jobs = [getattr(platform, method)(job_id) for job_id in found]
        _print_steered(jobs, as_json)


def _print_steered(jobs: Sequence[Any], as_json: bool) -> None:
    if as_json:
        print_json(jobs)
        return
    for job in jobs:
        click.echo(job_line(job))


_steering(
    "cancel", "request_cancel", "Cancel jobs. Waiting jobs are canceled immediately, running ones by their worker."
)


@command.command("retry")
@click.argument("job_ids", nargs=-1, required=True, metavar="JOB_ID...")
@click.option("--failed", is_flag=True, help="Run only what failed or did not run: scripts go on from the failed one.")
@config_option
@json_option
def retry(job_ids: tuple[str, ...], failed: bool, config_path: Path | None, as_json: bool) -> None:
    """Put ended jobs back into the queue."""
    from ..platform.done import done_of

    with configured_platform(config_path) as platform:
        found = [find_job(platform, job_id) for job_id in job_ids]
        jobs = [platform.retry(job.id, done=done_of(job, platform.events(job.id)) if failed else None) for job in found]
    _print_steered(jobs, as_json)


_steering("hold", "hold", "Put waiting jobs on hold, so that no worker claims them.")
_steering("release", "release", "Put jobs on hold back into the queue.")


def _print_assets(assets: Sequence[Any]) -> None:
    print_table(
        ("asset", "type", "status", "bytes", "public", "path"),
        ((a.name, a.type, a.status, a.details.get("size_bytes"), a.is_public_facing, a.path) for a in assets),
    )
