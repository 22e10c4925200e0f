"""Events of an attempt: its process, its sessions, steps and actions."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from .base import Count, Event, Percent, Position, Seconds, builtins_of

ActionKind = Literal["enter", "run", "exit"]
ActionState = Literal["success", "failed", "timeout", "canceled"]
StepState = Literal["succeeded", "failed", "skipped", "canceled"]
OutcomeStatus = Literal["COMPLETED_SUCCESS", "COMPLETED_ERRORS", "CANCELED", "NEW"]


class Failure(Struct, frozen=True, kw_only=True):
    """Why an action, or the delivery of an output, did not succeed.

    Parameters
    ----------
    step, environment: where it happened; None where it happened outside one.
    action: what was being done, as text for people, such as "run 01 front.png".
    message: the reason, from the action itself or from what is known about its process.
    stage: what the engine was doing, such as "export"; "" where it did not say.
    exit_code: of the action's process, None where it had none.
    parameters: the instruction of the export, where there is one.
    last_lines: the last lines that the engine printed, or else the action.
    """

    action: str
    message: str
    step: str | None = None
    environment: str | None = None
    stage: str = ""
    exit_code: int | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    last_lines: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The failure as it is stored in the journal and in a job's errors."""
        return builtins_of(self)


class Outcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an attempt ended, as it is reported to the queue. See `platform.values.Outcome`."""

    status: OutcomeStatus
    status_details: str | None = None
    errors: list[dict[str, Any]] = field(default_factory=list)
    hide_previous_style_assets: bool = False
    counted: bool = True
    pause: bool = False
    crashed: bool = False
    result: dict[str, Any] | None = None


class JobStarted(Event, frozen=True, kw_only=True):
    """The process of an attempt began."""

    preset: str | None
    worker: str


class JobPlanned(Event, frozen=True, kw_only=True):
    """The job became a template that will run.

    Parameters
    ----------
    tasks: the number of tasks of each step, in the order of `steps`.
    """

    template_sha256: str
    steps: list[str]
    parameters: dict[str, str]
    destination: str | None
    tasks: list[Count] = field(default_factory=list)


class JobEnded(Event, frozen=True, kw_only=True):
    """The attempt ended with an outcome."""

    status: OutcomeStatus
    status_details: str | None = None
    outcome: Outcome | None = None


class SessionStarted(Event, frozen=True, kw_only=True):
    """An OpenJD session began."""

    session: str


class SessionEnded(Event, frozen=True, kw_only=True):
    """An OpenJD session ended."""

    session: str


class StepStarted(Event, frozen=True, kw_only=True):
    """A step began."""

    step: str
    tasks: Count


class StepEnded(Event, frozen=True, kw_only=True):
    """A step ended."""

    step: str
    state: StepState


class _ActionEvent(Event, frozen=True, kw_only=True):
    """An event about an action of a session.

    Parameters
    ----------
    step: the step that the action belongs to; None for the environments of the job.
    environment: the environment that is entered or exited.
    task: the task's parameter values by name.
    task_number, task_count: the position of the task in its step, from 1; None for actions that run no task.
    """

    kind: ActionKind
    step: str | None = None
    environment: str | None = None
    task: dict[str, Any] = field(default_factory=dict)
    task_number: Position | None = None
    task_count: Position | None = None


class ActionStarted(_ActionEvent, frozen=True, kw_only=True):
    """An action began."""


class ActionProgress(Event, frozen=True, kw_only=True):
    """The running action reported its progress, in percent."""

    progress: Percent


class ActionStatus(Event, frozen=True, kw_only=True):
    """The running action reported what it is doing."""

    status: str


class ActionEnded(_ActionEvent, frozen=True, kw_only=True):
    """An action ended."""

    state: ActionState
    exit_code: int | None
    seconds: Seconds
    failure: Failure | None = None


class ActionWarning(_ActionEvent, frozen=True, kw_only=True, tag="warning"):
    """An action failed, but no output was lost by it."""

    message: str


class RunEnded(Event, frozen=True, kw_only=True):
    """Every step ended; uploads may still be under way."""

    steps: dict[str, StepState]
    canceled: bool
