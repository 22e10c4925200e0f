"""`openjd-vs daemon`: run jobs from the queue."""

from __future__ import annotations

from pathlib import Path

import click

from ._console import config_option
from ._service import begin
from ._signals import StopSignals


@click.command()
@click.option("--once", is_flag=True, help="End when the queue has no job left for this worker.")
@config_option
def command(once: bool, config_path: Path | None) -> None:
    """Run jobs from the queue until told to stop.

    SIGTERM or Ctrl-C ends it after the running jobs; a second one gives those jobs back to the queue.
    """
    from ..daemon.worker import Worker
    from ..platform.adapters import open_platform

    config = begin(config_path)
    signals = StopSignals("daemon")
    platform = open_platform(config.platform)
    try:
        worker = Worker(config, platform)
        signals.bind(lambda count: worker.stop())
        handled = worker.run(once=once)
    finally:
        platform.close()
    click.echo(f"{handled} {'job' if handled == 1 else 'jobs'} run")
