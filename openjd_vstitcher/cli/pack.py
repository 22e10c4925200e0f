"""`openjd-vs pack`: the step that packs the frames of a turntable."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("pack")
@click.option("--run-data", required=True, help="JSON file with the export (a path or file://…).")
@click.option("--output-dir", required=True, type=click.Path(path_type=Path), help="Where the frames are.")
@click.option("--frames", required=True, type=click.IntRange(1, 1024), help="How many frames there must be.")
@click.pass_context
def command(ctx: click.Context, run_data: str, output_dir: Path, frames: int) -> None:
    """Pack the frames of a turntable."""
    from ..actions.pack import run_pack

    ctx.exit(run_pack(run_data, output_dir, frames))
