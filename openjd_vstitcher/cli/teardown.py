"""`openjd-vs teardown`: what the WorkingDirectory environment runs when it is left."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("teardown")
@click.argument("working_directory", type=click.Path(path_type=Path))
@click.pass_context
def command(ctx: click.Context, working_directory: Path) -> None:
    """Remove what a session staged. Outputs are never touched."""
    from ..actions.staging import run_teardown

    ctx.exit(run_teardown(working_directory))
