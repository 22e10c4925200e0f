"""How far a run is: percent, time left and what is running, computed from its events. No clock, no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from . import events
from .events import Event

_MOST_GUESSED = 0.95
"""A task that reports no progress counts as done up to this share, however long it takes."""
_LEAST_REPORTED = 0.05
"""From this share on, a reported progress tells how long the task takes."""
_SHORTEST_S = 0.001


@dataclass
class StepProgress:
    """A step of the run.

    Parameters
    ----------
    tasks: the number of its tasks.
    kind: tasks of steps of the same kind take about the same time; "" if the kind is unknown.
    seconds: the durations of the tasks that ended.
    state: how the step ended; "" before that.
    """

    name: str
    tasks: int = 1
    kind: str = ""
    seconds: list[float] = field(default_factory=list)
    state: str = ""

    @property
    def tasks_left(self) -> int:
        """The tasks that will still run."""
        return 0 if self.state else max(self.tasks - len(self.seconds), 0)


class RunProgress:
    """Follows the events of one run. Every task weighs what similar tasks took, or as much as any other.

    Parameters
    ----------
    steps: the steps in order; empty if the events will tell.
    """

    def __init__(self, steps: Iterable[StepProgress] = ()) -> None:
        self.steps = {step.name: step for step in steps}
        self.step: StepProgress | None = None
        self.task_number: int | None = None
        self.ended = False
        self._began_s = 0.0
        self._reported = 0.0
        self._highest = 0.0

    def on_event(self, event: Event, now_s: float) -> None:
        """Follow an event.

        Parameters
        ----------
        now_s: the time of the event in seconds, by any clock.
        """
        match event:
            case events.JobPlanned() if not self.steps:
                counts = event.tasks or [1] * len(event.steps)
                self.steps = {name: StepProgress(name, n) for name, n in zip(event.steps, counts, strict=False)}
            case events.StepStarted():
                self.step = self.steps.setdefault(event.step, StepProgress(event.step))
                self.step.tasks = max(event.tasks, 1)
                self.task_number = None
                self._begin(now_s)
            case events.ActionStarted(kind="run"):
                self.task_number = event.task_number
                self._begin(now_s)
            case events.ActionStarted():
                self._begin(now_s)
            case events.ActionProgress() if self.step is not None:
                self._reported = max(self._reported, event.progress / 100)
            case events.ActionEnded(kind="run") if self.step is not None:
                self.step.seconds.append(event.seconds)
                self._begin(now_s)
            case events.StepEnded():
                self.steps.setdefault(event.step, StepProgress(event.step)).state = event.state
                self.step = None
            case events.RunEnded():
                self.step, self.ended = None, True

    def percent(self, now_s: float) -> float:
        """How much of the run is done, in percent. It never goes down."""
        done = sum(self._unit_s(step, now_s) * len(step.seconds) for step in self.steps.values())
        left = sum(self._unit_s(step, now_s) * step.tasks_left for step in self.steps.values())
        running = self.share_of_task(now_s) * (self._unit_s(self.step, now_s) if self.step is not None else 0.0)
        whole = done + left
        now = 100.0 if self.ended else 100 * (done + running) / whole if whole else 0.0
        self._highest = max(self._highest, now)
        return self._highest

    def percent_of_step(self, now_s: float) -> float | None:
        """How much of the running step is done, in percent; None if that is unknown, or between steps."""
        if self.step is None or not self.step.tasks_left:
            return None if self.step is None else 100.0
        share = self.share_of_task(now_s)
        if not share and not self.step.seconds:
            return None
        return 100 * (len(self.step.seconds) + share) / self.step.tasks

    def left_s(self, now_s: float) -> float | None:
        """The seconds that the run will still take; None if nothing tells."""
        if self.ended:
            return 0.0
        if self._mean_s(now_s) is None:
            return None
        left = sum(self._unit_s(step, now_s) * step.tasks_left for step in self.steps.values())
        if self.step is not None and self.step.tasks_left:
            left -= self._unit_s(self.step, now_s) * self.share_of_task(now_s)
        return left

    def share_of_task(self, now_s: float) -> float:
        """How much of the running task is done, from 0 to 1: as it reports, or else guessed from similar tasks."""
        if self.step is None or not self.step.tasks_left:
            return 0.0
        if self._reported:
            return min(self._reported, 1.0)
        known = self._known_s(self.step, now_s)
        return min(max(now_s - self._began_s, 0.0) / known, _MOST_GUESSED) if known else 0.0

    def _begin(self, now_s: float) -> None:
        self._began_s, self._reported = now_s, 0.0

    def _unit_s(self, step: StepProgress, now_s: float) -> float:
        """The seconds of one task of a step; 1 for each if nothing is known."""
        return self._known_s(step, now_s) or self._mean_s(now_s) or 1.0

    def _known_s(self, step: StepProgress, now_s: float) -> float | None:
        """The seconds of one task of a step: reported, or as its own tasks or those of its kind took."""
        elapsed = now_s - self._began_s if step is self.step else 0.0
        if step is self.step and self._reported >= _LEAST_REPORTED:
            return max(elapsed, _SHORTEST_S) / self._reported
        alike = step.seconds or [
            s for other in self.steps.values() if step.kind == other.kind != "" for s in other.seconds
        ]
        return max(sum(alike) / len(alike), elapsed / _MOST_GUESSED, _SHORTEST_S) if alike else None

    def _mean_s(self, now_s: float) -> float | None:
        """The mean over the steps whose duration is known."""
        known = [s for s in (self._known_s(step, now_s) for step in self.steps.values()) if s is not None]
        return sum(known) / len(known) if known else None
