"""Tables that fit the terminal: columns of lower rank are left out, long text is cut."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from ..platform.job_ids import short_ids
from ..platform.values import Job
from ._console import STYLES, console, show
from ._live import CTRL_C

_GAP = 2
_LEAST_TEXT = 16
_PIPED_TEXT = 100


@dataclass(frozen=True)
class Column:
    """A column of the table of jobs.

    Parameters
    ----------
    value: the cell of a job.
    rank: the column with the highest number is the first to go where there is no room; None: only on request.
    is_text: it is as wide as there is room, and cut.
    """

    value: Callable[[Job], object]
    rank: int | None
    is_text: bool = False


COLUMNS: Mapping[str, Column] = {
    "job": Column(lambda job: job.id, 0),
    "status": Column(lambda job: status_of(job), 1),
    "%": Column(lambda job: job.progress if job.status == "IN_PROGRESS" else None, 2),
    "age": Column(lambda job: age(job.created_at), 3),
    "preset": Column(lambda job: job.preset_key, 4),
    "worker": Column(lambda job: job.worker, 6),
    "type": Column(lambda job: job.type, 7),
    "priority": Column(lambda job: job.priority, 9),
    "attempt": Column(lambda job: job.attempt, 8),
    "created": Column(lambda job: job.created_at, None),
    "started": Column(lambda job: job.started_at, None),
    "ended": Column(lambda job: job.ended_at, None),
    "requestor": Column(lambda job: job.requestor_id, None),
    "details": Column(
        lambda job: f"unreadable: {job.unreadable}" if job.unreadable else job.status_details, 5, is_text=True
    ),
}
"""The columns by name, in the order in which they stand."""


@dataclass(frozen=True)
class JobTable:
    """Jobs as a table.

    Parameters
    ----------
    columns: the names of the columns that the user asked for; empty for those that fit.
    wide: all columns, with whole ids and whole text.
    """

    jobs: Sequence[Job]
    columns: Sequence[str] = ()
    wide: bool = False

    def __rich_console__(self, shown_on: Console, options: ConsoleOptions) -> RenderResult:
        cells = {name: self._cells(name) for name in self.columns or COLUMNS}
        if not self.columns and not self.wide:
            cells = _fitting(cells, options.max_width - CTRL_C)
        table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
        for name in cells:
            justify: Any = "right" if name in ("%", "priority", "attempt", "age") else "left"
            table.add_column(name, no_wrap=True, justify=justify, overflow="ellipsis")
        for row in zip(*cells.values(), strict=True):
            table.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
        if not sys.stdout.isatty() or self.wide:
            options = options.update(width=max(options.max_width, 10_000))
        yield from shown_on.render(table, options)

    def print(self) -> None:
        """Print the table to standard output."""
        shown_on = console()
        with shown_on.capture() as captured:
            shown_on.print(self, soft_wrap=True)
        click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))

    def _cells(self, name: str) -> list[str]:
        values = [COLUMNS[name].value(job) for job in self.jobs]
        if name == "job" and not self.wide:
            short = short_ids(job.id for job in self.jobs)
            values = [short[job.id] for job in self.jobs]
        cells = [" ".join(show(value).split()) for value in values]
        if COLUMNS[name].is_text and not self.wide and not sys.stdout.isatty():
            return [_cut(cell, _PIPED_TEXT) for cell in cells]
        return cells


def _fitting(cells: Mapping[str, list[str]], width: int) -> dict[str, list[str]]:
    """The columns that have room, in their order."""
    ranked = sorted((rank, name) for name in cells if (rank := COLUMNS[name].rank) is not None)
    chosen: set[str] = set()
    left = width
    for _, name in ranked:
        longest = max(len(name), *map(len, cells[name]), 0)
        needed = min(longest, _LEAST_TEXT) if COLUMNS[name].is_text else longest
        if chosen and needed + _GAP > left:
            break
        chosen.add(name)
        left -= needed + _GAP
    return {
        name: [_cut(cell, _LEAST_TEXT + left) for cell in column] if COLUMNS[name].is_text else column
        for name, column in cells.items()
        if name in chosen
    }


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def status_of(job: Job) -> str:
    """A job's status; one that runs and was asked to stop is canceling."""
    return "CANCELING" if job.cancel_requested and job.status == "IN_PROGRESS" else job.status


def age(since: datetime) -> str:
    """How long ago a time was, in its largest unit, such as `40s` or `3h`."""
    seconds = max((datetime.now(UTC) - since).total_seconds(), 0.0)
    for unit, length_s in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * length_s or (unit == "d" and seconds >= length_s):
            return f"{seconds // length_s:.0f}{unit}"
    return f"{seconds:.0f}s"
