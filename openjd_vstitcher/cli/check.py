"""`openjd-vs check`: what is wrong with templates and presets, and where."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from . import BAD_INPUT
from ._console import config_option


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@config_option
def command(files: tuple[Path, ...], config_path: Path | None) -> None:
    """Check each FILE: a template, an environment template, a preset, or a job with its details."""
    from ..config import load_config
    from ..documents import with_places
    from ..errors import InvalidInput
    from ..translation.check import check_file, warnings

    config = load_config(config_path)
    bad = 0
    for file in files:
        try:
            click.echo(f"{file}: {check_file(file, config)}")
            for warning in warnings(file, config):
                click.echo(f"{file}: warning: {warning}", err=True)
        except InvalidInput as error:
            bad += 1
            click.echo(with_places(error), err=True)
    if bad:
        sys.exit(BAD_INPUT)
