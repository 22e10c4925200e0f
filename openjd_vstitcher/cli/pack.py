"""`openjd-vs pack`: the step that packs the frames of a turntable."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from ..errors import InvalidInput, OpenjdVsError, Problem


@click.command("pack")
@click.option("--run-data", required=True, help="JSON file with the export (a path or file://…).")
@click.option("--output-dir", required=True, type=click.Path(path_type=Path), help="Where the frames are.")
@click.option("--frames", required=True, type=click.IntRange(1, 1024), help="How many frames there must be.")
def command(run_data: str, output_dir: Path, frames: int) -> None:
    """Pack the frames of a turntable."""
    from ..actions.pack import pack_frames
    from ..events import Exported, fact_line

    began = time.monotonic()
    name = "turntable"
    try:
        name = _name(Path(run_data.removeprefix("file://")))
        packed = pack_frames(output_dir, name, frames)
    except OpenjdVsError as error:
        click.echo(f"openjd_fail: {name}: packing failed: {' '.join(str(error).split())}")
        raise
    seconds = round(time.monotonic() - began, 3)
    click.echo(fact_line(Exported(output=name, size_bytes=packed.size_bytes, seconds=seconds)))
    click.echo("openjd_progress: 100.0")


def _name(path: Path) -> str:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["export"]["output_file_name"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput("run data", [Problem("", f"{path} names no export: {error}")]) from error
