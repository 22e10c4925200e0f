"""`openjd-vs garment`: looks into garment files. It changes none."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.group()
def command() -> None:
    """Look into a .bw file."""


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option("--preview", type=click.Path(path_type=Path, dir_okay=False), help="Write the preview image here.")
def inspect(file: Path, as_json: bool, preview: Path | None) -> None:
    """Show what a .bw FILE holds: files, rulers, and what else is known of the garment."""
    from ..garment import describe, open_garment

    garment = open_garment(file)
    image = garment.preview()
    if preview is not None:
        if image is None:
            raise click.ClickException(f"{file}: has no preview image")
        preview.write_bytes(image[1])
    description = describe(garment, image)
    if as_json:
        click.echo(json.dumps(description, indent=2, ensure_ascii=False))
        return
    from ._garment_tables import print_description

    print_description(description)
