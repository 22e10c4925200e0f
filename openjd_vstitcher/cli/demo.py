"""`openjd-vs demo`: the sample presets on the sample garment, end to end."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from . import FAILED


@click.command()
@click.option(
    "-o", "--output", "folder", default="demo", type=click.Path(path_type=Path), help="The folder of the demo (./demo)."
)
def command(folder: Path) -> None:
    """Run the sample presets on the sample garment, with a queue, a daemon, the stand-in engine and local storage.

    Needs no VStitcher, no server and no account. Everything is in one folder, which is replaced each time.
    """
    from .. import events
    from ..demo import run_demo
    from ..journal import Entry
    from ..sentences import sentence
    from ..storage.address import local_path
    from ._progress import PlainLines, print_outputs

    lines = PlainLines()

    def show(preset: str, entry: Entry) -> None:
        line = lines.line(entry)
        if isinstance(entry.event, (events.OutputRegistered, events.JobStarted, events.JobEnded)):
            line = sentence(entry.event)
        if line is not None:
            click.echo(f"{entry.time.astimezone():%H:%M:%S} {preset:<14} {line}")

    result = run_demo(folder.absolute(), on_event=show)
    for job, assets in result.jobs:
        click.echo(f"\n{job.preset_key}: {job.status} {job.status_details or ''}".rstrip())
        rows = [(Path(asset.path).name, asset.status, asset.details.get("size_bytes")) for asset in assets]
        if assets:
            where = local_path(assets[0].path) if "s3://" not in assets[0].path else result.storage / assets[0].path[5:]
            print_outputs(rows, where.parent)
    click.echo(f"\nThe queue, logs and journals are in {folder}; to look at them:")
    click.echo(f"  openjd-vs jobs list --config {folder}/config.toml")
    if not result.succeeded:
        sys.exit(FAILED)
