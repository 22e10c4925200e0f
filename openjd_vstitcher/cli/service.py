"""`openjd-vs service`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from ._console import config_option

if TYPE_CHECKING:
    from ..daemon.service import Service

_F = TypeVar("_F", bound=Callable[..., None])


def _user_option(function: _F) -> _F:
    text = "Use your own service manager instead of the system's (Linux; on macOS it is always yours)."
    return click.option("--user", "for_user", is_flag=True, help=text)(function)


@click.group()
def command() -> None:
    """Run the daemon as a service of this system, from its start on."""


@command.command()
@click.option("--print", "only_print", is_flag=True, help="Print what would be installed, and change nothing.")
@_user_option
@config_option
def install(only_print: bool, for_user: bool, config_path: Path | None) -> None:
    """Install the service for the configuration in use, and start it. Installing it again updates it."""
    from ..config import load_config

    made = _service(config_path, for_user)
    if only_print:
        click.echo(made.content, nl=False)
        return
    made.install(load_config(config_path))
    click.echo(f"installed {made.file}, and started it")


@command.command()
@_user_option
def uninstall(for_user: bool) -> None:
    """Stop and remove the service. Running jobs go on and end by themselves."""
    made = _service(None, for_user)
    click.echo(f"removed {made.file}" if made.uninstall() else f"there is no {made.file}")


@command.command()
@_user_option
def status(for_user: bool) -> None:
    """Show what the service manager knows of the service."""
    from ..daemon.service import show

    sys.exit(show(_service(None, for_user).status))


@command.command()
@_user_option
def logs(for_user: bool) -> None:
    """Follow the log that the service manager keeps."""
    from ..daemon.service import show

    sys.exit(show(_service(None, for_user).logs))


def _service(config_path: Path | None, for_user: bool) -> Service:
    from ..config import load_config
    from ..daemon.service import service

    return service(load_config(config_path), for_user=for_user)
