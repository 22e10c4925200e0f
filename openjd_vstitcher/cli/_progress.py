"""Shows the events of a run: a live display on a terminal, plain lines elsewhere, or the events as JSON lines."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import click

from .. import events
from ..journal import Entry
from ..progress import RunProgress, StepProgress
from ..sentences import action_title, duration, sentence, size
from ..session.plan import Plan
from ._lines import Line, can_redraw

_PROGRESS_S = 10.0
"""A log gets a line of progress at most this often."""


class Notices:
    """What is worth a line of its own, with its style. Repeated limits and statuses are left out."""

    def __init__(self) -> None:
        self._shown: set[tuple[str, ...]] = set()
        self._canceled = False

    def of(self, entry: Entry) -> tuple[str, str] | None:
        """The text and the style for an event, None where there is none."""
        event = entry.event
        match event:
            case events.Limited() if self._is_new(entry.job_id, event.output, event.field):
                return sentence(event), "yellow"
            case events.ActionStatus(status="canceling"):
                return None
            case events.ActionStatus() if self._is_new(entry.job_id, event.status):
                return event.status, "yellow"
            case events.ActionWarning():
                return sentence(event), "yellow"
            case events.ActionEnded(failure=events.Failure()):
                return sentence(event), "red"
            case events.StepEnded() if event.state in ("failed", "skipped"):
                return sentence(event), "red"
            case events.OutputSettled():
                return sentence(event), "green"
            case events.OutputFailed(cause="missing") if self._canceled:
                return None
            case events.OutputWaiting() | events.OutputFailed():
                return sentence(event), "red"
            case events.RunEnded():
                self._canceled = event.canceled
        return None

    def _is_new(self, *what: str) -> bool:
        new = what not in self._shown
        self._shown.add(what)
        return new


class RunState:
    """A run as lines of a live display."""

    def __init__(self, steps: Sequence[StepProgress] = ()) -> None:
        self.progress = RunProgress(steps)
        self.canceled = False
        self._began_s = self._step_began_s = time.time()
        self._doing = "starting"
        self._task = ""

    def on_event(self, entry: Entry) -> None:
        """Follow an event."""
        event, now_s = entry.event, entry.time.timestamp()
        self.progress.on_event(event, now_s)
        match event:
            case events.JobStarted():
                self._began_s = now_s
            case events.StepStarted():
                self._step_began_s, self._task = now_s, ""
            case events.ActionStarted(kind="run"):
                self._task = _task_of(event)
            case events.ActionStarted():
                self._step_began_s = now_s
                self._doing = action_title(event.kind, environment=event.environment)
            case events.ActionStatus(status="canceling"):
                self.canceled = True
            case events.RunEnded():
                self._doing = "finishing the uploads"
                self.canceled = event.canceled

    @property
    def doing(self) -> str:
        """The step and the task that run, in a few words."""
        step, task = self.progress.step, self.progress.task_number
        if step is None:
            return self._doing
        return f"{step.name} {task} of {step.tasks}" if task and step.tasks > 1 else step.name

    def current(self) -> Line:
        """The step that runs."""
        now_s, step = time.time(), self.progress.step
        if step is None:
            return Line(self._doing, None, now_s - self._step_began_s)
        return Line(step.name, self.progress.percent_of_step(now_s), now_s - self._step_began_s, self._task)

    def overall(self, name: str, note: str) -> Line:
        """All steps together."""
        now_s = time.time()
        return Line(name, self.progress.percent(now_s), now_s - self._began_s, note)

    def time_left(self) -> str:
        """How long it will take; "" if nothing tells."""
        if self.canceled:
            return "canceling"
        left_s = self.progress.left_s(time.time())
        return f"{duration(left_s)} left" if left_s else ""

    def steps_left(self) -> str:
        """How many steps have not ended."""
        steps = sum(not step.state for step in self.progress.steps.values())
        return f"{steps} {'step' if steps == 1 else 'steps'} left" if steps else ""


class LiveProgress(AbstractContextManager["LiveProgress"]):
    """The step that runs and the whole run, with bars; above them what was made and what is worth a notice."""

    def __init__(self, steps: Sequence[StepProgress]) -> None:
        from ._live import LiveLines

        self._state = RunState(steps)
        self._notices = Notices()
        self._lock = threading.Lock()
        self._live = LiveLines(self._lines)
        self._began_s = time.time()

    def __enter__(self) -> LiveProgress:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.__exit__()
        took = duration(time.time() - self._began_s)
        self._live.print(f"canceled after {took}" if self._state.canceled else f"took {took}", "bold")

    def __call__(self, entry: Entry) -> None:
        with self._lock:
            self._state.on_event(entry)
            notice = self._notices.of(entry)
        if notice:  # without the lock: printing waits for the thread that draws the lines
            self._live.print(*notice)

    def output(self, line: str) -> None:
        """Print a line that an action printed."""
        self._live.print(line)

    def _lines(self) -> list[Line]:
        with self._lock:
            note = self._state.time_left() or self._state.steps_left()
            return [self._state.current(), self._state.overall("total", note)]


class PlainLines:
    """Events as lines for a log: notices, what begins, and every few seconds the progress."""

    def __init__(self, steps: Sequence[StepProgress] = ()) -> None:
        self._notices = Notices()
        self._progress = RunProgress(steps)
        self._shown_s = float("-inf")

    def line(self, entry: Entry) -> str | None:
        """The line for an event, None where there is none."""
        event, now_s = entry.event, entry.time.timestamp()
        self._progress.on_event(event, now_s)
        if notice := self._notices.of(entry):
            return f"  {notice[0]}"
        match event:
            case events.ActionStarted(kind="run", task_number=int(number)) if number > 1:
                return self._with_percent(sentence(event), now_s) if self._is_due(now_s) else None
            case events.ActionStarted(kind="run"):
                self._shown_s = now_s
                return self._with_percent(sentence(event), now_s)
            case events.ActionStarted():
                return sentence(event)
            case events.ActionProgress() if event.progress < 100 and self._is_due(now_s):
                step = self._progress.step
                return self._with_percent(f"{step.name}: {sentence(event)}", now_s) if step is not None else None
            case events.OutputRegistered():
                return f"  {sentence(event)}"
            case events.RunEnded():
                return sentence(event)
        return None

    def _is_due(self, now_s: float) -> bool:
        due = now_s - self._shown_s >= _PROGRESS_S
        if due:
            self._shown_s = now_s
        return due

    def _with_percent(self, text: str, now_s: float) -> str:
        left_s = self._progress.left_s(now_s)
        left = f", {duration(left_s)} left" if left_s else ""
        return f"{text} ({self._progress.percent(now_s):.0f}% of the job{left})"


def display(plan: Plan, *, as_json: bool) -> AbstractContextManager[Callable[[Entry], None]]:
    """The display for a run: JSON on stdout, a live display on a terminal, plain lines elsewhere."""
    if as_json:
        return nullcontext(lambda entry: click.echo(json.dumps(entry.as_json(), ensure_ascii=False)))
    steps = [StepProgress(step.name, step.task_count, _kind(plan, step.name)) for step in plan.steps]
    if can_redraw():
        return LiveProgress(steps)

    lines = PlainLines(steps)

    def print_line(entry: Entry) -> None:
        line = lines.line(entry)
        if line is not None:
            click.echo(line, err=True)

    return nullcontext(print_line)


def _kind(plan: Plan, step: str) -> str:
    """The export type of a step, with the number of its pixels where that is what takes the time."""
    export = plan.export_of(step) or {}
    return " ".join(str(export[key]) for key in ("export_type", "width", "height", "dpi") if key in export)


def _task_of(event: events.ActionStarted) -> str:
    """Which task of its step begins, such as "frame 7 of 24"; "" for the only one."""
    if event.task_number is None or event.task_count == 1:
        return ""
    name = next(iter(event.task)).lower() if len(event.task) == 1 else "task"
    return f"{name} {event.task_number} of {event.task_count}"


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
