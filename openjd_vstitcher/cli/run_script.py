"""`openjd-vs run-script`: a step of a job that runs a script."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("run-script")
@click.option("--run-data", required=True, help="JSON file with the script and its arguments (a path or file://…).")
@click.option("--output-dir", required=True, type=click.Path(path_type=Path), help="Where its files go.")
@click.pass_context
def command(ctx: click.Context, run_data: str, output_dir: Path) -> None:
    """Run a script from the directories that the configuration names."""
    from ..actions.run_script import run_script

    ctx.exit(run_script(run_data, output_dir))
