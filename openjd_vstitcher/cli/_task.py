"""Runs a task on this machine: shared by `run-task` and `handlers run`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ._signals import StopSignals

if TYPE_CHECKING:
    from ..attempt.guest import GuestResult
    from ..attempt.outcome import AttemptResult
    from ..config import Config


def run_task(
    task: Any,
    source: str,
    *,
    base: Path,
    output: Path,
    config: Config,
    as_json: bool,
    log: Path | None = None,
    on_start: Callable[[], None] = lambda: None,
) -> AttemptResult | GuestResult:
    """Run a task to its end and show its events. Ctrl-C cancels it; a second Ctrl-C does so immediately.

    Parameters
    ----------
    task, base: see `prepare_task`.
    output: the output directory.
    log: where the output of the task is kept; None to keep it only after a failure.
    on_start: called when the task is valid and begins.

    Raises
    ------
    InvalidInput: the task is not valid; nothing was started.
    """
    from ..attempt.directory import AttemptDirectory
    from ..attempt.local import rendering_run
    from ..attempt.one_shot import TASK_ID, prepare_task
    from ..journal import Journal
    from ._progress import display, print_failures

    directory = AttemptDirectory(Path(tempfile.mkdtemp(prefix="openjd-vs-")))
    directory.sessions.mkdir()
    signals = StopSignals("render")
    keep = False
    try:
        rendering = prepare_task(task, source, base=base, output=output.absolute(), directory=directory, config=config)
        on_start()
        with display(rendering.plan, as_json=as_json) as show:
            journal = Journal(directory.journal, job_id=TASK_ID, on_event=show)
            run = rendering_run(rendering, directory=directory, journal=journal, config=config)
            signals.bind(lambda count: run.cancel(now=count > 1))
            keep = log is None
            result = run.run()
        keep = keep and not result.succeeded
    finally:
        if log is not None and directory.session_log.exists():
            shutil.copyfile(directory.session_log, log)
        if not keep:
            shutil.rmtree(directory.path, ignore_errors=True)
    print_failures(result.failures)
    if keep:
        click.echo(f"journal and logs: {directory.path}", err=True)
    return result
