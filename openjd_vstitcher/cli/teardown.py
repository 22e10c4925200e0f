"""`openjd-vs teardown`: the WorkingDirectory environment's way out."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("teardown")
@click.argument("working_directory", type=click.Path(path_type=Path))
def command(working_directory: Path) -> None:
    """Remove what a session staged. Outputs are never touched."""
    from ..actions.staging import teardown

    teardown(working_directory)
