"""`openjd-vs handlers`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from . import CANCELED, FAILED
from ._console import config_option, json_option, print_json, print_table


@click.group()
def command() -> None:
    """List, write and try job handlers, see docs/handlers.md."""


@command.command("list")
@config_option
@json_option
def list_handlers(config_path: Path | None, as_json: bool) -> None:
    """List the handlers of this machine with their parameters."""
    from ..config import load_config
    from ..errors import ConfigError
    from ..handlers.discovery import sources

    rows: list[dict[str, Any]] = []
    for source in sources(load_config(config_path).jobs.handlers).values():
        try:
            facts = source.facts()
        except ConfigError as error:
            rows.append({"name": source.name, "place": source.place, "error": str(error)})
        else:
            found = {"description": facts.description, "parameters": facts.parameters, "timeout_s": facts.timeout_s}
            rows.append({"name": source.name, "place": source.place, **found})
    if as_json:
        print_json(rows)
        return
    print_table(
        ("handler", "parameters", "description", "from"),
        (
            (row["name"], ", ".join(_names(row)), row.get("error") or row.get("description"), row["place"])
            for row in rows
        ),
    )


@command.command("new")
@click.argument("name")
@click.option("--into", default=".", type=click.Path(path_type=Path, file_okay=False), help="The directory (.).")
def new_handler(name: str, into: Path) -> None:
    """Write a module with a handler NAME to start from."""
    if not name.isidentifier() or name.startswith("_"):
        raise click.BadParameter(f"expected a Python name such as make_thumbnails, found {name!r}")
    file = into / f"{name}.py"
    if file.exists():
        raise click.ClickException(f"{file} is there already")
    into.mkdir(parents=True, exist_ok=True)
    title = "".join(part.capitalize() for part in name.split("_"))
    file.write_text(_TEMPLATE.replace("NAME", name).replace("TITLE", title), encoding="utf-8")
    click.echo(file)


@command.command("run")
@click.argument("name")
@click.option(
    "-p", "--parameter", "given", multiple=True, help="A parameter: name=value; values other than text as JSON."
)
@click.option("-o", "--output", default="output", type=click.Path(path_type=Path), help="Output directory (./output).")
@click.option("--json", "as_json", is_flag=True, help="Print the events as JSON lines.")
@config_option
def run_handler(name: str, given: tuple[str, ...], output: Path, as_json: bool, config_path: Path | None) -> None:
    """Execute the handler NAME on this machine, and print its result as JSON."""
    from ..config import load_config
    from ..handlers.discovery import find
    from ._task import run_task

    config = load_config(config_path)
    properties = find(name, config.jobs.handlers).facts().parameters.get("properties", {})
    parameters: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise click.BadParameter(f"expected name=value, found {text!r}")
        parameters[key] = _value(value, properties.get(key, {}))
    task = {"handler": name, "parameters": parameters}
    result = run_task(task, "command line", base=Path.cwd(), output=output, config=config, as_json=as_json)
    if not result.succeeded:
        sys.exit(CANCELED if result.run.canceled else FAILED)
    print_json(result.returned or {})


def _value(text: str, rule: Any) -> Any:
    """The value of a parameter: text as it is where the schema wants a string, else JSON if it is that."""
    if isinstance(rule, dict) and rule.get("type") == "string":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _names(row: dict[str, Any]) -> list[str]:
    return list(row.get("parameters", {}).get("properties", {}))


_TEMPLATE = '''"""The handler `NAME`."""

from pathlib import Path


class TITLE:
    """What it does, in one sentence."""

    parameters = {
        "type": "object",
        "properties": {"text": {"type": "string"}, "count": {"type": "integer", "minimum": 1, "default": 3}},
        "required": ["text"],
    }
    timeout_s = 600

    def execute(self, input_params, heartbeat_callback):
        """Files in the current directory become outputs of the job; the returned dict is its result."""
        count = input_params["count"]
        with Path("NAME.txt").open("w", encoding="utf-8") as file:
            for number in range(1, count + 1):
                file.write(input_params["text"] + "\\n")
                heartbeat_callback(progress_current=number, progress_total=count)
        return {"lines": count}
'''
