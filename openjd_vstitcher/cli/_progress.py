"""Shows the events of a run: a live display on a terminal, plain lines elsewhere, or the events as JSON lines."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import click

from .. import events
from ..journal import Entry
from ..sentences import sentence, size
from ..session.plan import Plan


class LiveProgress(AbstractContextManager["LiveProgress"]):
    """A line for each step, with a progress bar and its current status."""

    def __init__(self, plan: Plan) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

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

    def __call__(self, entry: Entry) -> None:
        with self._lock:
            self._show(entry)

    def output(self, line: str) -> None:
        """Print a line that an action printed."""
        self._progress.console.print(line, markup=False, highlight=False)

    def _show(self, entry: Entry) -> None:
        event = entry.event
        task = self._tasks.get(self._current or "", self._session)
        match event:
            case events.StepStarted():
                self._current = event.step
                self._progress.start_task(self._tasks[event.step])
            case events.ActionStarted(step=None):
                self._current = None
                self._progress.update(self._session, note=sentence(event))
            case events.ActionProgress() if self._current:
                self._progress.update(task, completed=100 * self._done[self._current] + event.progress)
            case events.ActionStatus():
                self._progress.update(task, note=event.status)
            case events.ActionEnded(kind="run", state="success") if self._current:
                self._done[self._current] += 1
                self._progress.update(task, completed=100 * self._done[self._current])
            case events.StepEnded():
                ended = self._tasks[event.step]
                self._progress.update(ended, note="done" if event.state == "succeeded" else event.state)
                self._progress.stop_task(ended)
                self._current = None
            case events.Limited() if self._limits.is_new(entry.job_id, event):
                self._progress.console.print(sentence(event), style="yellow", markup=False)
            case events.RunEnded():
                self._progress.update(self._session, total=1, completed=1, note="ended")


class PlainLines:
    """Events as lines for a log. Minor events are left out, and so are repeated limits."""

    def __init__(self) -> None:
        self._limits = _Limits()

    def line(self, entry: Entry) -> str | None:
        """The line for an event, None where there is none."""
        event = entry.event
        match event:
            case events.ActionStarted(task_number=int(number), task_count=int(count)):
                return sentence(event) if (number - 1) % max(1, count // 4) == 0 else None
            case events.ActionStarted() | events.ActionWarning():
                return sentence(event)
            case events.StepEnded() if event.state != "succeeded":
                return sentence(event)
            case events.ActionEnded() if event.state != "success":
                return f"  {sentence(event)}"
            case events.Limited() if self._limits.is_new(entry.job_id, event):
                return f"  {sentence(event)}"
            case events.ActionStatus() | events.OutputSettled():
                return f"  {sentence(event)}"
        return None


class _Limits:
    """The limits that were shown. Every frame of a turntable reports the same one."""

    def __init__(self) -> None:
        self._shown: set[tuple[str, str, str]] = set()

    def is_new(self, job_id: str, event: events.Limited) -> bool:
        """True the first time that a limit is reported."""
        limit = (job_id, event.output, event.field)
        new = limit not in self._shown
        self._shown.add(limit)
        return new


def display(plan: Plan, *, as_json: bool) -> AbstractContextManager[Callable[[Entry], None]]:
    """The display for a run: JSON on stdout, a live display on a terminal, plain lines elsewhere."""
    if as_json:
        return nullcontext(lambda entry: click.echo(json.dumps(entry.as_json(), ensure_ascii=False)))
    if sys.stderr.isatty():
        return LiveProgress(plan)

    lines = PlainLines()

    def print_line(entry: Entry) -> None:
        line = lines.line(entry)
        if line is not None:
            click.echo(line, err=True)

    return nullcontext(print_line)


def print_outputs(rows: Sequence[tuple[str, str, int | None]], folder: Path) -> None:
    """Print a table of outputs: name, state, size in bytes."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("output", overflow="fold")
    table.add_column("state")
    table.add_column("size", justify="right")
    for name, state, bytes_ in rows:
        table.add_row(Text(name), state, size(bytes_) if bytes_ is not None else "-")
    click.echo(f"Outputs in {folder}")
    Console().print(table)


def print_failures(failures: Sequence[events.Failure]) -> None:
    """Print each failure with its parameters and the last lines of output."""
    for failure in failures:
        click.echo(f"failed: {failure.message}", err=True)
        if failure.parameters:
            click.echo(f"  parameters: {json.dumps(failure.parameters, ensure_ascii=False)}", err=True)
        for line in failure.last_lines[-8:]:
            click.echo(f"  | {line}", err=True)
