"""`openjd-vs run-handler`: the step of a job that executes a handler."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("run-handler")
@click.argument("name")
@click.option("--run-data", required=True, help="JSON file with the parameters (a path or file://…).")
@click.option("--output-dir", required=True, type=click.Path(path_type=Path), help="Where its files go.")
@click.option("--job", default="", help="The job.json that staging wrote; empty when there are no input files.")
@click.pass_context
def command(ctx: click.Context, name: str, run_data: str, output_dir: Path, job: str) -> None:
    """Execute the handler NAME."""
    from ..actions.run_handler import run_handler

    ctx.exit(run_handler(name, run_data, output_dir, job))
