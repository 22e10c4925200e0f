"""`openjd-vs plugin`: the plugin in VStitcher's plugin folder."""

from __future__ import annotations

from pathlib import Path

import click

_into = click.option(
    "--into",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="VStitcher's plugin folder, if it is not the usual one.",
)


@click.group("plugin")
def command() -> None:
    """Install the plugin into VStitcher (not needed for VS-CLI)."""


@command.command()
@_into
def install(folder: Path | None) -> None:
    """Install or update the plugin; VStitcher loads it at its next start."""
    from ..engine import installing

    done = installing.install(folder or installing.plugins_folder())
    click.echo(f"installed {done.version} in {done.path}")


@command.command()
@_into
def uninstall(folder: Path | None) -> None:
    """Remove the plugin."""
    from ..engine import installing

    plugins = folder or installing.plugins_folder()
    click.echo("removed" if installing.uninstall(plugins) else f"there is none in {plugins}")


@command.command()
@_into
def status(folder: Path | None) -> None:
    """Say what is installed. Exit code 1 if it is not this version."""
    from ..engine import installing

    found = installing.status(folder or installing.plugins_folder())
    if found.version is None:
        click.echo(f"not installed: {found.path}")
    else:
        click.echo(f"{'installed' if found.current else 'differs'}: {found.version} in {found.path}")
    if not found.current:
        raise SystemExit(1)
