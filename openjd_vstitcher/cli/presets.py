"""`openjd-vs presets`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ._console import config_option, configured_exports, configured_platform, json_option, print_json, print_table


@click.group()
def command() -> None:
    """List, show and store presets."""


@command.command("list")
@config_option
@json_option
def list_presets(config_path: Path | None, as_json: bool) -> None:
    """List the presets of the platform."""
    with configured_platform(config_path) as platform:
        presets = platform.presets()
    if as_json:
        print_json(presets)
        return
    print_table(
        ("key", "name", "version", "job type", "exports", "description"),
        ((p["key"], p["name"], p["version"], p["job_type"], _exports(p), p["description"]) for p in presets),
    )


@command.command("show")
@click.argument("key")
@config_option
def show_preset(key: str, config_path: Path | None) -> None:
    """Print a preset as JSON."""
    with configured_platform(config_path) as platform:
        print_json(platform.preset(key))


@command.command("put")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@config_option
def put_presets(files: tuple[Path, ...], config_path: Path | None) -> None:
    """Store presets and job definitions from files, replacing those with the same key. Stores none if any is invalid.

    A job definition (a handler or scripts) that replaces another one must have a higher version.
    """
    from ..documents import read_document
    from ..presets import load_preset
    from ..submission import store_definition
    from ..translation.definition import is_definition, load_definition

    rows = [(str(file), read_document(file)) for file in files]
    extra = configured_exports(config_path)
    for source, row in rows:
        if is_definition(row):
            load_definition(row, source)
        else:
            load_preset(row, source, extra_exports=extra)
    with configured_platform(config_path) as platform:
        for source, row in rows:
            if is_definition(row):
                store_definition(platform, row, source)
            else:
                platform.put_preset(row)
            click.echo(row["key"])


def _exports(preset: Mapping[str, Any]) -> int:
    instructions = preset["details"].get("instructions", ())
    return sum(1 for i in instructions if i.get("type") == "EXPORT")
