"""`openjd-vs summary`: what a template would run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ._console import config_option, json_option, print_json, print_table
from ._template_help import TemplateCommand


@click.command(cls=TemplateCommand)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-p", "--parameter", "parameters", multiple=True, help="A parameter, as for render.")
@click.option("--environment", "--env", "environments", multiple=True, type=click.Path(path_type=Path))
@json_option
@config_option
def command(
    file: Path,
    parameters: tuple[str, ...],
    environments: tuple[Path, ...],
    as_json: bool,
    config_path: Path | None,
) -> None:
    """Show the parameters, environments, steps and tasks of FILE, a template, a preset or a job bundle."""
    from ..attempt.local import Request, plan_request
    from ..config import load_config
    from ..session.summary import summary_of
    from ..translation.given import read_parameters

    request = Request(file, read_parameters(parameters), environments)
    summary = summary_of(plan_request(request, load_config(config_path)))
    if as_json:
        print_json(summary)
    else:
        _print(summary)


def _print(summary: dict[str, Any]) -> None:
    click.echo(f"Job: {summary['name']}")
    if summary["extensions"]:
        click.echo(f"Extensions: {', '.join(summary['extensions'])}")
    if summary["environments"]:
        click.echo(f"Environments: {', '.join(summary['environments'])}")
    if summary["parameters"]:
        print_table(["parameter", "value"], summary["parameters"].items())
    rows = [
        (step["name"], step["tasks"], ", ".join(step["task_parameters"]), ", ".join(step["depends_on"]))
        for step in summary["steps"]
    ]
    print_table(["step", "tasks", "task parameters", "after"], rows)
