"""How `openjd-vs garment inspect` shows a garment to a person."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table


def print_description(description: dict[str, Any]) -> None:
    """Print the description of `garment.describe` as tables."""
    console = Console()
    console.print(f"[bold]{escape(description['path'])}[/]  {decimal(description['size_bytes'])}", highlight=False)
    for title in ("name", "colorways", "snapshots", "sizes", "pieces", "trims"):
        value = description.get(title)
        if value:
            shown = ", ".join(value) if isinstance(value, list) else str(value)
            console.print(f"{title:<10} {escape(shown)}", highlight=False)
    if description["preview"]:
        console.print(f"{'preview':<10} {description['preview']['type']}", highlight=False)
    console.print(_files(description["files"]))
    if description["rulers"]:
        console.print(_rulers(description["rulers"]))


def _files(files: list[dict[str, Any]]) -> Table:
    table = Table("name", "type", title="Files inside", title_justify="left")
    table.add_column("size", justify="right")
    for file in files:
        table.add_row(escape(file["name"]), escape(file["ext"]), decimal(file["size_bytes"]))
    return table


def _rulers(rulers: list[dict[str, Any]]) -> Table:
    table = Table("name", "components", title="Rulers", title_justify="left")
    for ruler in rulers:
        parts = [
            f"shape {c['shape']} line {c['internal_line']}"
            if c["edge"] == -1
            else f"shape {c['shape']} edge {c['edge']}"
            for c in ruler["components"]
        ]
        table.add_row(escape(ruler["name"]), ", ".join(parts))
    return table
