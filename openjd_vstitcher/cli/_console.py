"""Shared by the commands about the queue: options, the configured platform, tables and JSON."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..config import CONFIG_VARIABLE

if TYPE_CHECKING:
    from rich.console import Console

    from ..platform.ports import Platform
    from ..platform.values import Job

HERE = Path("openjd-vs.toml")
"""The configuration of a working directory."""


def configuration_here() -> Path | None:
    """The configuration in the working directory, if it is there and the environment names no other."""
    return HERE if not os.environ.get(CONFIG_VARIABLE) and HERE.is_file() else None


def _found_here(ctx: click.Context, option: click.Parameter, given: Path | None) -> Path | None:
    return given or configuration_here()


config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_found_here,
    help="Configuration file. Default: $OPENJD_VS_CONFIG, openjd-vs.toml in the working directory, or the user's "
    "configuration.",
)
given_config_option = click.option(
    "--config", "config_path", type=click.Path(path_type=Path, dir_okay=False), help="Configuration file."
)
"""For commands that others call: they look into no working directory, which others may write to."""
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")

_PLAIN_WIDTH = 240
STYLES = {
    "NEW": "cyan",
    "ACKNOWLEDGED": "cyan",
    "IN_PROGRESS": "blue",
    "COMPLETED_SUCCESS": "green",
    "UPLOADED": "green",
    "COMPLETED_ERRORS": "red",
    "ON_HOLD": "yellow",
    "CANCELED": "yellow",
    "CANCELING": "yellow",
}
"""The colours of statuses."""


@contextmanager
def configured_platform(config_path: Path | None, *, say: bool = False) -> Iterator[Platform]:
    """The configured platform, closed afterwards. Says on stderr which queue it is, where the user has not chosen it.

    Parameters
    ----------
    say: say it in any case.
    """
    from ..config import load_config
    from ..platform.adapters import open_platform

    config = load_config(config_path)
    new = config.platform.kind == "embedded" and not config.platform.path.exists()
    platform = open_platform(config.platform)
    if say or new or (config_path in (None, HERE) and not os.environ.get(CONFIG_VARIABLE)):
        source = f"as {config_path} says" if config_path else "no configuration: the defaults apply"
        click.echo(f"queue: {platform.describe()}{', new and empty' if new else ''} ({source})", err=True)
    try:
        yield platform
    finally:
        platform.close()


def configured_exports(config_path: Path | None) -> dict[str, dict[str, Any]]:
    """The configured custom export types, each with its JSON Schema."""
    from ..config import load_config
    from ..export_types import extra_exports

    return extra_exports(load_config(config_path).engine.extra_exports)


def print_json(value: Any) -> None:
    """Print dataclasses and JSON data as JSON, with times in ISO 8601."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table, with coloured statuses on a terminal and no truncation elsewhere."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD if sys.stdout.isatty() else None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in ("job", "status", "when"))
    for row in rows:
        cells = [show(value) for value in row]
        table.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in cells))
    console().print(table)


def console() -> Console:
    """A rich console on standard output."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False)


def show(value: object) -> str:
    """A value formatted for people; times are local, to the second."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, float):
        return f"{value:.0f}"
    return str(value)


def this_command() -> str:
    """How a user can call this program again from the shell that called it, also where it is not on the path."""
    called = Path(sys.argv[0])
    found = shutil.which("openjd-vs")
    if found and Path(found).resolve() == called.resolve() and "UV" not in os.environ:  # uvx extends the path
        return "openjd-vs"
    if called.is_file() and os.access(called, os.X_OK):
        return shlex.quote(str(called if not called.is_absolute() else _from_here(called)))
    return f"{shlex.quote(sys.executable)} -m openjd_vstitcher.cli"


def _from_here(path: Path) -> Path:
    """A path relative to the working directory if it is in there."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def job_line(job: Job) -> str:
    """A job's state in one line."""
    parts = [job.id, job.status]
    if job.status == "IN_PROGRESS":
        parts.append(f"{show(job.progress or 0.0)}% on {job.worker}, attempt {job.attempt}")
    if job.cancel_requested and job.status == "IN_PROGRESS":
        parts.append("cancel requested")
    if job.status_details:
        parts.append(job.status_details)
    return "  ".join(parts)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)
