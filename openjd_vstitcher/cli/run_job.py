"""`openjd-vs run-job`: one process for one attempt at a job, started by the daemon."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import click

from ._console import config_option

_LOOK_S = 0.5


@click.command("run-job")
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@config_option
def command(directory: Path, config_path: Path | None) -> None:
    """Run the job of a job DIRECTORY. SIGTERM, or a file named `cancel` in it, cancels it; a second SIGTERM at once."""
    from ..config import load_config
    from ..platform import open_platform
    from ..session.job import JobRun, run_job
    from ..session.job_directory import JobDirectory

    config = load_config(config_path)
    job = JobDirectory(directory.resolve())
    runs: list[JobRun] = []
    asked = 0

    def cancel(*_: object) -> None:
        nonlocal asked
        asked += 1
        for run in runs:
            run.cancel(now=asked > 1)

    def cancelable(run: JobRun) -> None:
        runs.append(run)
        if asked:
            run.cancel(now=asked > 1)

    def heed_requests() -> None:
        while not job.cancel_request.exists():
            time.sleep(_LOOK_S)
        cancel()

    signal.signal(signal.SIGTERM, cancel)
    signal.signal(signal.SIGINT, cancel)
    threading.Thread(target=heed_requests, name="cancel", daemon=True).start()
    platform = open_platform(config.platform)
    try:
        outcome = run_job(job, config, platform, on_cancelable=cancelable)
    finally:
        platform.close()
    click.echo(f"{outcome.status} {outcome.status_details or ''}".rstrip())
