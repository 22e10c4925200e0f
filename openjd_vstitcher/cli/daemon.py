"""`openjd-vs daemon`: run jobs from the queue."""

from __future__ import annotations

import logging
import signal
import threading
from pathlib import Path

import click

from ._console import config_option


@click.command()
@click.option("--once", is_flag=True, help="End when the queue has no job left for this worker.")
@config_option
def command(once: bool, config_path: Path | None) -> None:
    """Run jobs from the queue until told to stop.

    SIGTERM or Ctrl-C ends it after the running job; a second one gives that job back to the queue.
    """
    from ..config import load_config
    from ..daemon.worker import Worker
    from ..platform.adapters import open_platform

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    config = load_config(config_path)
    platform = open_platform(config.platform)
    worker = Worker(config, platform)
    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, lambda *_: threading.Thread(target=worker.stop).start())
    try:
        handled = worker.run(once=once)
    finally:
        platform.close()
    click.echo(f"{handled} {'job' if handled == 1 else 'jobs'} run")
