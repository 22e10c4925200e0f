"""Shows several jobs that run on this machine: a line with a bar for each on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import click

from .. import events
from ..journal import Entry
from ..sentences import sentence
from ._live import Line, LiveLines, can_redraw
from ._progress import Notices, PlainLines, RunState

Show = Callable[[str, Entry], None]
"""Called with the name of a job and each of its events."""


class _LiveJobs(AbstractContextManager[Show]):
    def __init__(self, names: Sequence[str]) -> None:
        self._states: dict[str, RunState | None] = dict.fromkeys(names)
        self._ended: set[str] = set()
        self._notices = Notices()
        self._lock = threading.Lock()
        self._live = LiveLines(self._lines)

    def __enter__(self) -> Show:
        self._live.__enter__()
        return self._show

    def __exit__(self, *_: object) -> None:
        self._live.__exit__()

    def _show(self, name: str, entry: Entry) -> None:
        with self._lock:
            state = self._states[name] = self._states[name] or RunState()
            state.on_event(entry)
            notice = self._notices.of(entry)
            if isinstance(entry.event, events.JobEnded):
                self._ended.add(name)
        if isinstance(entry.event, events.JobStarted | events.JobEnded):
            notice = sentence(entry.event), "bold"
        if notice:  # without the lock: printing waits for the thread that draws the lines
            text, style = notice
            self._live.print(text, style, name=name)

    def _lines(self) -> list[Line]:
        with self._lock:
            return [self._line(name, state) for name, state in self._states.items() if name not in self._ended]

    @staticmethod
    def _line(name: str, state: RunState | None) -> Line:
        if state is None:
            return Line(name, 0.0, note="waiting")
        return state.overall(name, ", ".join(filter(None, [state.time_left(), state.doing])))


def jobs_display(names: Sequence[str]) -> AbstractContextManager[Show]:
    """The display for jobs with these names."""
    if can_redraw():
        return _LiveJobs(names)
    lines = {name: PlainLines() for name in names}
    width = max(map(len, names))

    def show(name: str, entry: Entry) -> None:
        line = lines[name].line(entry)
        if isinstance(entry.event, events.JobStarted | events.JobEnded):
            line = sentence(entry.event)
        if line is not None:
            click.echo(f"{entry.time.astimezone():%H:%M:%S} {name:<{width}} {line}", err=True)

    return nullcontext(show)
