"""`openjd-vs diff`: how two templates differ in meaning."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from . import ERROR
from ._console import config_option

_MOST = 100


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@config_option
def command(old: Path, new: Path, config_path: Path | None) -> None:
    """Compare OLD and NEW, templates or presets, by what they mean.

    The order of fields, comments, quotes and the order of definitions do not count. Exit code 1 if they differ.
    """
    from ..config import load_config
    from ..translation.check import decode
    from ..translation.difference import differences
    from ..translation.extensions import EXTENSIONS
    from ..translation.source import read_source

    config = load_config(config_path)
    sources = [read_source(path, config) for path in (old, new)]
    found = differences(*(decode(source.template, source.name, EXTENSIONS) for source in sources))
    for each in found:
        click.secho(each.place, bold=True)
        for mark, value, colour in (("-", each.old, "red"), ("+", each.new, "green")):
            if value is not None:
                click.secho(f"  {mark} {_shown(value)}", fg=colour)
    if found:
        sys.exit(ERROR)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MOST else text[: _MOST - 3] + "..."
