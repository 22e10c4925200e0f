"""`openjd-vs demo`: the sample presets on the sample garment, end to end."""

from __future__ import annotations

import logging
import shlex
import sys
from pathlib import Path

import click

from . import CANCELED, FAILED
from ._console import this_command
from ._signals import StopSignals


@click.command()
@click.option(
    "-o",
    "--output",
    "folder",
    default="demo",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The folder of the demo.",
)
def command(folder: Path) -> None:
    """Run the sample presets on the sample garment, with a queue, a daemon, the stand-in engine and local storage.

    Needs no VStitcher, no server and no account. Everything is in one folder, which is replaced each time.
    Ctrl-C cancels the jobs; a second Ctrl-C ends them at once.
    """
    signals = StopSignals("demo")

    from ..demo import PRESETS, Demo
    from ..storage.address import local_path
    from ._jobs_progress import jobs_display
    from ._progress import print_outputs

    # The display tells what the jobs do; the daemon's own account of it would go in between.
    logging.getLogger("openjd_vstitcher.daemon.narration").addHandler(logging.NullHandler())
    demo = Demo(folder.absolute())
    signals.bind(lambda count: demo.cancel(now=count > 1))
    with jobs_display(list(PRESETS)) as show:
        result = demo.run(show)
    for job, assets in result.jobs:
        click.echo(f"\n{job.preset_key}: {job.status} {job.status_details or ''}".rstrip())
        rows = [(Path(asset.path).name, asset.status, asset.details.get("size_bytes")) for asset in assets]
        if assets:
            where = local_path(assets[0].path) if "s3://" not in assets[0].path else result.storage / assets[0].path[5:]
            print_outputs(rows, where.parent)
    click.echo(f"\nThe queue, logs and journals are in {folder}; to look at them:")
    click.echo(f"  {this_command()} jobs list --config {shlex.quote(str(folder / 'config.toml'))}")
    if not result.succeeded:
        sys.exit(CANCELED if result.canceled else FAILED)
