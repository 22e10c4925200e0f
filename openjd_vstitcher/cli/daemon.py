"""`openjd-vs daemon`: run jobs from the queue."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import OpenjdVsError
from ._console import config_option
from ._service import begin
from ._signals import StopSignals

if TYPE_CHECKING:
    from ..config import Config
    from ..daemon.worker import Worker
    from ..platform.ports import Platform

_log = logging.getLogger(__name__)


@click.command()
@click.option("--metrics-port", type=click.IntRange(0, 65535), help="Overrides worker.metrics_port.")
@click.option("--once", is_flag=True, help="End when the queue has no job left for this worker.")
@config_option
def command(once: bool, metrics_port: int | None, config_path: Path | None) -> None:
    """Run jobs from the queue until told to stop.

    SIGTERM or Ctrl-C ends it after the running jobs; a second one gives those jobs back to the queue. SIGHUP reads the
    configuration again, unless the daemon runs in a terminal: there it ends the daemon, and the running jobs go on.
    """
    from ..daemon.worker import Worker
    from ..platform.adapters import open_platform

    config = begin(config_path, log_file=True)
    if metrics_port is not None:
        config = replace(config, worker=replace(config.worker, metrics_port=metrics_port))
    signals = StopSignals("daemon")
    try:
        with closing(open_platform(config.platform)) as platform:
            worker = Worker(config, platform)
            signals.bind(lambda count: worker.stop())
            _reload_on_hangup(worker)
            with _metrics(worker, config, platform):
                handled = worker.run(once=once)
    except OpenjdVsError as error:
        _log.critical("the daemon ends: %s", error)
        raise
    click.echo(f"{handled} {'job' if handled == 1 else 'jobs'} run")


def _reload_on_hangup(worker: Worker) -> None:
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is not None and not sys.stdin.isatty():
        signal.signal(hangup, lambda *_: worker.reload())


@contextmanager
def _metrics(worker: Worker, config: Config, platform: Platform) -> Iterator[None]:
    """Serve metrics meanwhile, where a port is configured."""
    if not config.worker.metrics_port:
        yield
        return
    from ..daemon.metrics import Metrics

    worker.metrics = Metrics(config, platform, lambda: worker.running)
    stop = worker.metrics.serve()
    try:
        yield
    finally:
        stop()
