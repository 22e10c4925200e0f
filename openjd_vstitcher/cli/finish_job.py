"""`openjd-vs finish-job`: delivers what a killed attempt left, and reports how it ended."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from . import ERROR
from ._console import given_config_option
from ._service import begin


@click.command("finish-job")
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@given_config_option
def command(directory: Path, config_path: Path | None) -> None:
    """Deliver the outputs that the killed attempt of a DIRECTORY left, and report its outcome."""
    from ..attempt.directory import AttemptDirectory
    from ..attempt.resume import finish_attempt
    from ..platform.adapters import open_platform

    config = begin(config_path)
    platform = open_platform(config.platform)
    try:
        reported = finish_attempt(AttemptDirectory(directory.resolve()), config, platform)
    finally:
        platform.close()
    if not reported:
        sys.exit(ERROR)
