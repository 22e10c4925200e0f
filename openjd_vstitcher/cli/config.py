"""`openjd-vs config`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from . import BAD_INPUT
from ._console import config_option, configuration_here, json_option, print_json

_path = click.argument("path", required=False, type=click.Path(path_type=Path, dir_okay=False))


@click.group()
def command() -> None:
    """Write, show and check the configuration."""


@command.command()
@_path
def init(path: Path | None) -> None:
    """Write a commented configuration with every key at its default to PATH, or where it is looked for."""
    from ..config import default_config_path
    from ..config.text import commented_file
    from ..errors import InvalidInput, OpenjdVsError, Problem

    file = path or default_config_path()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8", newline="\n") as opened:
            opened.write(commented_file())
    except FileExistsError:
        raise InvalidInput(str(file), [Problem("", "exists already and was not changed")]) from None
    except OSError as error:
        raise OpenjdVsError(f"cannot write {file}: {error.strerror}") from error
    click.echo(file)


@command.command()
@config_option
@json_option
def show(config_path: Path | None, as_json: bool) -> None:
    """Show the values in effect and where each comes from. Secrets are masked."""
    from ..config.file import read_config
    from ..config.text import effective_file, effective_values

    read = read_config(config_path)
    if as_json:
        print_json({"source": read.config.source, "values": effective_values(read)})
    else:
        click.echo(effective_file(read), nl=False)


@command.command()
@_path
def validate(path: Path | None) -> None:
    """Check PATH, or the configuration that is in use, and report every mistake."""
    from ..config import load_config
    from ..errors import ConfigError

    try:
        config = load_config(path or configuration_here())
    except ConfigError as error:
        click.echo(error, err=True)
        sys.exit(BAD_INPUT)
    click.echo(f"{config.source}: ok" if config.source else "ok: there is no configuration file, the defaults apply")


@command.command()
def reference() -> None:
    """Write the reference of all keys as Markdown."""
    from ..config.text import reference as text

    click.echo(text(), nl=False)
