"""`openjd-vs run-job`: one process for one attempt at a job, started by the daemon."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import click

from ._cancelation import Cancelation
from ._console import config_option

_LOOK_S = 0.5


@click.command("run-job")
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@config_option
def command(directory: Path, config_path: Path | None) -> None:
    """Run the job of a job DIRECTORY. SIGTERM, or a file named `cancel` in it, cancels it; a second SIGTERM at once."""
    from ..attempt.directory import JobDirectory
    from ..attempt.run import run_job
    from ..config import load_config
    from ..platform.adapters import open_platform

    config = load_config(config_path)
    job = JobDirectory(directory.resolve())
    cancelation = Cancelation()

    def heed_requests() -> None:
        while not job.cancel_request.exists():
            time.sleep(_LOOK_S)
        cancelation.ask()

    threading.Thread(target=heed_requests, name="cancel", daemon=True).start()
    platform = open_platform(config.platform)
    try:
        outcome = run_job(job, config, platform, on_cancelable=cancelation.of)
    finally:
        platform.close()
    click.echo(f"{outcome.status} {outcome.status_details or ''}".rstrip())
