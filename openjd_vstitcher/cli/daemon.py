"""`openjd-vs daemon`: run jobs from the queue."""

from __future__ import annotations

import logging
from contextlib import closing
from pathlib import Path

import click

from ..errors import OpenjdVsError
from ._console import config_option
from ._service import begin
from ._signals import StopSignals

_log = logging.getLogger(__name__)


@click.command()
@click.option("--once", is_flag=True, help="End when the queue has no job left for this worker.")
@config_option
def command(once: bool, config_path: Path | None) -> None:
    """Run jobs from the queue until told to stop.

    SIGTERM or Ctrl-C ends it after the running jobs; a second one gives those jobs back to the queue.
    """
    from ..daemon.worker import Worker
    from ..platform.adapters import open_platform

    config = begin(config_path, log_file=True)
    signals = StopSignals()
    try:
        with closing(open_platform(config.platform)) as platform:
            worker = Worker(config, platform)
            signals.bind(lambda count: worker.stop())
            handled = worker.run(once=once)
    except OpenjdVsError as error:
        _log.critical("the daemon ends: %s", error)
        raise
    click.echo(f"{handled} {'job' if handled == 1 else 'jobs'} run")
