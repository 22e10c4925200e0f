"""`openjd-vs graph`: the steps of a template as a diagram."""

from __future__ import annotations

from pathlib import Path

import click

from ._console import config_option
from ._template_help import TemplateCommand


@click.command(cls=TemplateCommand)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-p", "--parameter", "parameters", multiple=True, help="A parameter, as for render.")
@config_option
def command(file: Path, parameters: tuple[str, ...], config_path: Path | None) -> None:
    """Print the steps of FILE and their dependencies as a Mermaid flowchart."""
    from ..attempt.local import Request, plan_request
    from ..config import load_config
    from ..session.summary import mermaid
    from ..translation.given import read_parameters

    request = Request(file, read_parameters(parameters))
    click.echo(mermaid(plan_request(request, load_config(config_path))))
