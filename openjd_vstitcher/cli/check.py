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
    from ..documents import read_document, with_places
    from ..errors import InvalidInput
    from ..translation.advice import advice
    from ..translation.check import check_file

    config = load_config(config_path)
    bad = 0
    for file in files:
        try:
            click.echo(f"{file}: {check_file(file, config)}")
            if found := advice(read_document(file)):
                click.echo(with_places(InvalidInput(str(file), found)), err=True)
        except InvalidInput as error:
            bad += 1
            click.echo(with_places(error), err=True)
    if bad:
        sys.exit(BAD_INPUT)
