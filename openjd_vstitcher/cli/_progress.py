"""Shows the events of a run: a live display on a terminal, plain lines elsewhere, or the events themselves as JSON."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from ..journal import Event
from ..session.plan import Plan
from ..session.runner import Failure

_MARKS = {"succeeded": "done"}


class LiveProgress(AbstractContextManager["LiveProgress"]):
    """A line for each step, with a bar and what it is doing."""

    def __init__(self, plan: Plan) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=Console(stderr=True),
        )
        self._session = self._progress.add_task("session", total=None, note="starting")
        self._tasks: dict[str, TaskID] = {
            step.name: self._progress.add_task(step.name, total=100.0 * step.task_count, start=False, note="")
            for step in plan.steps
        }
        self._done: dict[str, int] = dict.fromkeys(self._tasks, 0)
        self._current: str | None = None
        self._limits = _Limits()
        self._lock = threading.Lock()

    def __enter__(self) -> LiveProgress:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._show(event)

    def _show(self, event: Event) -> None:
        fields = event.fields
        task = self._tasks.get(self._current or "", self._session)
        match event.name:
            case "step_started":
                self._current = fields["step"]
                self._progress.start_task(self._tasks[fields["step"]])
            case "action_started" if fields["step"] not in self._tasks:
                self._current = None
                self._progress.update(self._session, note=fields["action"])
            case "action_progress" if self._current:
                self._progress.update(task, completed=100 * self._done[self._current] + fields["progress"])
            case "action_status":
                self._progress.update(task, note=fields["status"])
            case "action_ended" if self._current and fields["state"] == "success":
                self._done[self._current] += 1
                self._progress.update(task, completed=100 * self._done[self._current])
            case "step_ended":
                ended = self._tasks[fields["step"]]
                self._progress.update(ended, note=_MARKS.get(fields["state"], fields["state"]))
                self._progress.stop_task(ended)
                self._current = None
            case "limited" if self._limits.is_new(event):
                self._progress.console.print(limited(event), style="yellow", markup=False)
            case "run_ended":
                self._progress.update(self._session, total=1, completed=1, note="ended")


class PlainLines:
    """Events as lines for a log; those that say little are left out, and so is what was said before."""

    def __init__(self) -> None:
        self._limits = _Limits()

    def line(self, event: Event) -> str | None:
        """The event's line, None where it has none."""
        fields = event.fields
        match event.name:
            case "action_started" if "task" not in fields:
                return str(fields["action"])
            case "action_started" if (fields["task_number"] - 1) % max(1, fields["task_count"] // 4) == 0:
                return f"{fields['action']}, {fields['task_number']} of {fields['task_count']}"
            case "action_status":
                return f"  {fields['status']}"
            case "action_ended" if fields["state"] != "success":
                return f"  {fields['state']}: {fields.get('failure', {}).get('message', '')}"
            case "step_ended" if fields["state"] != "succeeded":
                return f"{fields['step']}: {fields['state']}"
            case "limited" if self._limits.is_new(event):
                return f"  {limited(event)}"
            case "warning":
                return f"warning: {fields['message']}"
            case "output_settled":
                return f"  {fields['output']} is whole, {size(fields['size_bytes'])}"
        return None


class _Limits:
    """The limits that were told: every picture of a turntable meets the same one."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str, str]] = set()

    def is_new(self, event: Event) -> bool:
        """Whether an event tells of a limit for the first time."""
        limit = (event.job_id, str(event.fields.get("output")), str(event.fields.get("field")))
        new = limit not in self._told
        self._told.add(limit)
        return new


def limited(event: Event) -> str:
    """What an engine made smaller than it was asked to, in a line."""
    fields = event.fields
    used = "has no effect" if fields.get("used") is None else f"was limited to {fields['used']}"
    told = f"{fields.get('output')}: {fields.get('field')} {fields.get('asked')} {used}"
    return f"{told} ({fields['reason']})" if fields.get("reason") else told


def display(plan: Plan, *, as_json: bool) -> AbstractContextManager[Callable[[Event], None]]:
    """What shows the events of a run: JSON on stdout, a live display on a terminal, plain lines elsewhere."""
    if as_json:
        return nullcontext(lambda event: click.echo(json.dumps(event.as_json(), ensure_ascii=False, default=str)))
    if sys.stderr.isatty():
        return LiveProgress(plan)

    lines = PlainLines()

    def print_line(event: Event) -> None:
        line = lines.line(event)
        if line is not None:
            click.echo(line, err=True)

    return nullcontext(print_line)


def print_outputs(rows: Sequence[tuple[str, str, int | None]], folder: Path) -> None:
    """A table of outputs: name, what became of it, size in bytes."""
    table = Table(box=None, pad_edge=False)
    table.add_column("output", overflow="fold")
    table.add_column("state")
    table.add_column("size", justify="right")
    for name, state, bytes_ in rows:
        table.add_row(Text(name), state, size(bytes_) if bytes_ is not None else "-")
    click.echo(f"Outputs in {folder}")
    Console().print(table)


def print_failures(failures: Sequence[Failure]) -> None:
    """Each failure with its parameters and the last lines that led to it."""
    for failure in failures:
        click.echo(f"failed: {failure.message}", err=True)
        if failure.parameters:
            click.echo(f"  parameters: {json.dumps(dict(failure.parameters), ensure_ascii=False)}", err=True)
        for line in failure.last_lines[-8:]:
            click.echo(f"  | {line}", err=True)


def size(bytes_: int) -> str:
    """A number of bytes as a person reads it."""
    value, unit = float(bytes_), "B"
    for larger in ("KB", "MB", "GB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
