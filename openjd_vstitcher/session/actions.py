"""The actions of a session as values: what to start, and how the journal and people refer to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from openjd.model import TaskParameterSet
from openjd.model.v2023_09 import Action as CommandLine
from openjd.model.v2023_09 import Environment
from openjd.sessions import Session

from ..events import ActionKind
from ..sentences import action_title
from ..translation import commands
from .plan import PlannedStep


class Action(Protocol):
    """Something that a session does in one go. Its text is its title."""

    kind: ClassVar[ActionKind]

    @property
    def step(self) -> str | None:
        """The name of the step that it belongs to, None for the environments of the job."""

    @property
    def command_line(self) -> CommandLine | None:
        """What it runs, None if that is nothing."""

    def start(self, session: Session) -> None:
        """Start it; the session reports its end.

        Raises
        ------
        RuntimeError, ValueError: the session cannot start it.
        """

    def fields(self) -> dict[str, Any]:
        """How events refer to it."""


@dataclass(frozen=True)
class EnterEnvironment:
    """Enters an environment: an external one, of the job, or of a step.

    Parameters
    ----------
    identifier: unique in the session.
    planned: the step that the environment belongs to, None for the other environments.
    """

    kind: ClassVar[ActionKind] = "enter"
    environment: Environment
    identifier: str
    planned: PlannedStep | None = None

    def __str__(self) -> str:
        return action_title(self.kind, environment=self.environment.name)

    @property
    def step(self) -> str | None:
        """The name of the step that the environment belongs to."""
        return self.planned.name if self.planned else None

    @property
    def command_line(self) -> CommandLine | None:
        """What it runs, None if that is nothing."""
        script = self.environment.script
        return script.actions.onEnter if script is not None else None

    def start(self, session: Session) -> None:
        """Start it."""
        session.enter_environment(
            environment=self.environment,
            identifier=self.identifier,
            step_name=self.step,
            resolved_symtab=self.planned.symbols if self.planned else None,
        )

    def fields(self) -> dict[str, Any]:
        """How events refer to it."""
        return {"kind": self.kind, "step": self.step, "environment": self.environment.name}


@dataclass(frozen=True)
class RunTask:
    """Runs a task of a step.

    Parameters
    ----------
    number: the position of the task in its step, from 1.
    """

    kind: ClassVar[ActionKind] = "run"
    planned: PlannedStep
    parameters: TaskParameterSet
    number: int = 1

    def __str__(self) -> str:
        return action_title(self.kind, step=self.step, task=self._task)

    @property
    def step(self) -> str:
        """The name of the step."""
        return self.planned.name

    @property
    def _task(self) -> Mapping[str, Any]:
        return {name: value.value for name, value in self.parameters.items()}

    @property
    def command_line(self) -> CommandLine | None:
        """What it runs, None if that is nothing."""
        script = self.planned.step.script
        return script.actions.onRun if script is not None else None

    def start(self, session: Session) -> None:
        """Start it."""
        session.run_task(
            step_script=self.planned.step.script,
            task_parameter_values=self.parameters,
            step_name=self.step,
            resolved_symtab=self.planned.symbols,
            log_task_banner=False,
        )

    def fields(self) -> dict[str, Any]:
        """How events refer to it."""
        named = {"kind": self.kind, "step": self.step}
        if not self.parameters:
            return named
        return {**named, "task": dict(self._task), "task_number": self.number, "task_count": self.planned.task_count}


@dataclass(frozen=True)
class ExitEnvironment:
    """Exits the environment that was entered last.

    Parameters
    ----------
    keep_session_running: whether more steps can run in the session afterwards.
    """

    kind: ClassVar[ActionKind] = "exit"
    entered: EnterEnvironment
    keep_session_running: bool = False

    def __str__(self) -> str:
        return action_title(self.kind, environment=self.entered.environment.name)

    @property
    def step(self) -> str | None:
        """The name of the step that the environment belongs to."""
        return self.entered.step

    @property
    def command_line(self) -> CommandLine | None:
        """What it runs, None if that is nothing."""
        script = self.entered.environment.script
        return script.actions.onExit if script is not None else None

    def start(self, session: Session) -> None:
        """Start it."""
        planned = self.entered.planned
        session.exit_environment(
            identifier=self.entered.identifier,
            keep_session_running=self.keep_session_running,
            resolved_symtab=planned.symbols if planned else None,
        )

    def fields(self) -> dict[str, Any]:
        """How events refer to it."""
        return {**self.entered.fields(), "kind": self.kind}


def is_ours(action: Action) -> bool:
    """Whether an action runs one of our commands, or none.

    Our commands change no environment variables, so a line that would comes from their input. What they print is for
    the journal.
    """
    return action.command_line is None or commands.is_ours(str(action.command_line.command))
