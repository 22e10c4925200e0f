"""`openjd-vs run-job`: one process for one attempt at a job, started by the daemon."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import ERROR
from ._console import given_config_option
from ._service import begin
from ._signals import StopSignals

if TYPE_CHECKING:
    from ..attempt.lease import Lease


@click.command("run-job")
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@given_config_option
def command(directory: Path, config_path: Path | None) -> None:
    """Run the attempt of a DIRECTORY, keep its lease, and report its outcome.

    SIGTERM, or a file named `give-back` in the directory, stops it and puts the job back into the queue.
    """
    from ..attempt.directory import AttemptDirectory
    from ..attempt.run import run_attempt
    from ..platform.adapters import open_platform

    signals = StopSignals("run-job")

    def started(lease: Lease) -> None:
        signals.bind(lambda count: lease.give_back())

    config = begin(config_path)
    platform = open_platform(config.platform)
    reported = run_attempt(AttemptDirectory(directory.resolve()), config, platform, on_started=started)
    if not reported:
        os._exit(ERROR)  # a queue that does not answer may hold up a clean end for long
    platform.close()
