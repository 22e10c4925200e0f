"""`openjd-vs translate`: the OpenJD template of a preset."""

from __future__ import annotations

from pathlib import Path

import click

from ._console import config_option, configured_exports


@click.command()
@click.argument("preset", type=click.Path(path_type=Path))
@click.option("--details", type=click.Path(path_type=Path), help="A job, or its details: check that they fit too.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to this file instead of stdout.")
@config_option
def command(preset: Path, details: Path | None, output: Path | None, config_path: Path | None) -> None:
    """Write the OpenJD job template of a PRESET as YAML.

    With --details, the parameter values of that job follow on stderr, as `openjd run -p` takes them.
    """
    from ..documents import read_document
    from ..presets import load_job_details, load_preset
    from ..translation.check import decode
    from ..translation.preset import details_parameters, translate
    from ..translation.text import to_yaml

    loaded = load_preset(read_document(preset), str(preset), extra_exports=configured_exports(config_path))
    template = translate(loaded)
    decode(template, str(preset))
    values = {}
    if details is not None:
        job = read_document(details)
        load_job_details(job, str(details))
        values = details_parameters(job)
    if output is None:
        click.echo(to_yaml(template), nl=False)
    else:
        output.write_text(to_yaml(template), encoding="utf-8", newline="\n")
    for name, value in values.items():
        click.echo(f"-p {name}={value}", err=True)
