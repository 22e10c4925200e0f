"""Runs a plan through `openjd.sessions` and tells the journal. Knows nothing of presets, queues or storage."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

from openjd.model import StepParameterSpaceIterator, TaskParameterSet
from openjd.sessions import LOG, ActionState, ActionStatus, PathMappingRule, Session

from .. import failures
from ..journal import Journal
from .log import SessionLog
from .plan import Plan, PlannedStep

StepState = Literal["succeeded", "failed", "skipped", "canceled"]
_RESERVED_FACTS = ("job_", "session_", "step_", "action_", "output", "run_", "log", "warning")
_POLL_S = 0.1


@dataclass(frozen=True)
class Failure:
    """Why something did not succeed.

    Parameters
    ----------
    step: the step's name, or the environment's.
    action: what was being done, such as "run 01 front.png".
    message: the reason, as the action told it or as it is known from outside.
    stage: what the engine was at, such as "export"; "" where it did not say.
    exit_code: of the action's process, None where it had none.
    parameters: the instruction of the export, where there is one.
    last_lines: the last lines that the engine printed, or else the action.
    """

    step: str
    action: str
    message: str
    stage: str = ""
    exit_code: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    last_lines: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """The failure as it stands in the journal and in a job's errors."""
        return {
            "step": self.step,
            "action": self.action,
            "message": self.message,
            "stage": self.stage,
            "exit_code": self.exit_code,
            "parameters": dict(self.parameters),
            "last_lines": list(self.last_lines),
        }


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Parameters
    ----------
    steps: the state of each step, by name, in the order of the plan.
    failures: in the order in which they happened.
    """

    steps: Mapping[str, StepState]
    failures: tuple[Failure, ...]
    canceled: bool

    @property
    def succeeded(self) -> bool:
        """Whether every step did its work."""
        return all(state == "succeeded" for state in self.steps.values())


class _SessionOverError(Exception):
    """An action failed or was canceled: a session runs nothing more after that, but the ends of its environments."""

    def __init__(self, failure: Failure | None) -> None:
        self.failure = failure


class SessionRunner:
    """Runs the steps of a plan, in as many sessions as it takes.

    A session of OpenJD ends with its first failed action. The steps that are left run in a new one, with a new engine,
    so that one failed export does not stop the others.

    Parameters
    ----------
    directory: where sessions make their working directories.
    environment: changes to the environment of actions; None takes a variable out.
    log: receives what sessions log; the runner attaches and detaches it.
    fail_fast: end after the first failure.
    path_mapping_rules: applied to PATH parameters, as the specification has it.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        journal: Journal,
        log: SessionLog,
        directory: Path,
        environment: Mapping[str, str | None],
        fail_fast: bool = False,
        path_mapping_rules: Sequence[PathMappingRule] = (),
    ) -> None:
        self._plan = plan
        self._journal = journal
        self._log = log
        self._directory = directory
        self._environment = dict(environment)
        self._fail_fast = fail_fast
        self._rules = list(path_mapping_rules)
        self._cancel: Literal["no", "notify", "now"] = "no"
        self._steps: dict[str, StepState] = {}
        self._failures: list[Failure] = []
        self._action_done = threading.Event()
        self._last_status: ActionStatus | None = None

    def cancel(self, *, now: bool = False) -> None:
        """End the run: the running action is notified and given its time, or with `now` ended at once.

        May be called from a signal handler and from any thread; `run` returns when everything has ended.
        """
        self._cancel = "now" if now or self._cancel == "now" else "notify"

    def run(self) -> RunResult:
        """Run every step, and return when the last session has ended."""
        LOG.addHandler(self._log)
        LOG.setLevel("INFO")
        try:
            while (waiting := self._waiting()) and not self._stopped():
                before = len(self._steps)
                self._run_session(waiting)
                if len(self._steps) == before:
                    break
        finally:
            LOG.removeHandler(self._log)
        for planned in self._plan.steps:
            if planned.name not in self._steps:
                self._end_step(planned.name, "canceled" if self._cancel != "no" else "skipped")
        ordered = {planned.name: self._steps[planned.name] for planned in self._plan.steps}
        return RunResult(ordered, tuple(self._failures), self._cancel != "no")

    def _waiting(self) -> list[PlannedStep]:
        """The steps that can still run; those that depend on one that did not succeed are skipped on the way."""
        for planned in self._plan.steps:
            ended = [self._steps[name] for name in planned.depends_on if name in self._steps]
            if planned.name not in self._steps and any(state != "succeeded" for state in ended):
                self._end_step(planned.name, "skipped")
        return [planned for planned in self._plan.steps if planned.name not in self._steps]

    def _stopped(self) -> bool:
        return self._cancel != "no" or (self._fail_fast and bool(self._failures))

    def _run_session(self, steps: Sequence[PlannedStep]) -> None:
        with self._session() as session:
            try:
                for environment in self._plan.job.jobEnvironments or []:
                    self._enter(session, environment)
                for planned in steps:
                    self._run_step(session, planned)
            except _SessionOverError as over:
                if over.failure is not None:
                    self._failures.append(over.failure)
            finally:
                self._exit_environments(session, keep=0)

    @contextmanager
    def _session(self) -> Iterator[Session]:
        session_id = f"session-{uuid.uuid4().hex[:12]}"
        session = Session(
            session_id=session_id,
            job_parameter_values=self._plan.values,
            job_name=str(self._plan.job.name),
            path_mapping_rules=self._rules or None,
            callback=self._on_status,
            os_env_vars=self._environment,  # type: ignore[arg-type]  # the process starter takes None out
            session_root_directory=self._directory,
        )
        self._journal.append("session_started", session=session_id)
        try:
            yield session
        finally:
            session.cleanup()
            self._journal.append("session_ended", session=session_id)

    def _run_step(self, session: Session, planned: PlannedStep) -> None:
        entered = len(session.environments_entered)
        self._journal.append("step_started", step=planned.name, tasks=planned.task_count)
        try:
            for environment in planned.step.stepEnvironments or []:
                self._enter(session, environment, step=planned.name)
            for number, parameters in enumerate(StepParameterSpaceIterator(space=planned.step.parameterSpace), 1):
                self._run_task(session, planned, parameters, number)
        except _SessionOverError as over:
            self._end_step(planned.name, "failed" if over.failure is not None else "canceled")
            raise
        self._exit_environments(session, keep=entered)
        self._end_step(planned.name, "succeeded")

    def _run_task(self, session: Session, planned: PlannedStep, parameters: TaskParameterSet, number: int) -> None:
        task = {name: value.value for name, value in parameters.items()}
        script = planned.step.script
        if script is None:
            return
        self._do(
            session,
            f"run {planned.name}",
            lambda: session.run_task(
                step_script=script, task_parameter_values=parameters, step_name=planned.name, log_task_banner=False
            ),
            step=planned.name,
            task={"task": task, "task_number": number, "task_count": planned.task_count} if task else None,
        )

    def _enter(self, session: Session, environment: Any, *, step: str | None = None) -> None:
        self._do(
            session,
            f"enter {environment.name}",
            lambda: session.enter_environment(environment=environment, identifier=environment.name, step_name=step),
            step=step or environment.name,
        )

    def _exit_environments(self, session: Session, *, keep: int) -> None:
        """Exit environments until `keep` are left. A failure here is told, but spoils no output that was made.

        A run that is canceled at once does without: the end of the lifeline ends the engine.
        """
        for identifier in reversed(session.environments_entered[keep:]):
            if self._cancel == "now":
                return
            try:
                self._do(
                    session,
                    f"exit {identifier}",
                    partial(session.exit_environment, identifier=identifier, keep_session_running=keep > 0),
                    step=identifier,
                    at_end=True,
                )
            except _SessionOverError as over:
                if over.failure is not None:
                    self._journal.append("warning", message=over.failure.message, action=over.failure.action)

    def _do(
        self,
        session: Session,
        title: str,
        start: Callable[[], object],
        *,
        step: str,
        task: Mapping[str, Any] | None = None,
        at_end: bool = False,
    ) -> None:
        """Run one action to its end; raises when the session can run no further one.

        At the end of a session (`at_end`), a cancelation that has been asked for stops only what is over its time.
        """
        if self._cancel != "no" and not at_end:
            raise _SessionOverError(None)
        shown = f"{title} {task['task']}" if task else title
        self._log.start_action(shown)
        self._action_done.clear()
        self._last_status = None
        self._journal.append("action_started", action=title, step=step, **(task or {}))
        started = time.monotonic()
        try:
            start()
        except (RuntimeError, ValueError) as error:
            status = ActionStatus(state=ActionState.FAILED, fail_message=str(error))
        else:
            status = self._wait(session, at_end=at_end)
        seconds = round(time.monotonic() - started, 3)
        failure = None
        if status.state is not ActionState.SUCCESS and (self._cancel == "no" or at_end):
            failure = self._failure(shown, step, status, seconds)
        self._journal.append(
            "action_ended",
            action=title,
            step=step,
            state=status.state.value,
            exit_code=status.exit_code,
            seconds=seconds,
            **({"failure": failure.as_json()} if failure else {}),
        )
        if status.state is not ActionState.SUCCESS:
            raise _SessionOverError(failure)

    def _wait(self, session: Session, *, at_end: bool) -> ActionStatus:
        sent: str = self._cancel if at_end else "no"
        while not self._action_done.wait(_POLL_S):
            if self._cancel not in ("no", sent):
                sent = self._cancel
                try:
                    session.cancel_action(time_limit=timedelta(0) if sent == "now" else None)
                except RuntimeError:
                    continue
        status = session.action_status
        return status or ActionStatus(state=ActionState.FAILED, fail_message="the action ended without a status")

    def _on_status(self, session_id: str, status: ActionStatus) -> None:
        """The session's callback: it is called from the thread that reads the action's output."""
        last, self._last_status = self._last_status, status
        try:
            if status.progress is not None and (last is None or status.progress != last.progress):
                self._journal.append("action_progress", progress=status.progress)
            if status.status_message is not None and (last is None or status.status_message != last.status_message):
                self._journal.append("action_status", status=self._log.redact(status.status_message))
        finally:
            if status.state is not ActionState.RUNNING:
                self._action_done.set()

    def _failure(self, action: str, step: str, status: ActionStatus, seconds: float) -> Failure:
        lines: Sequence[str] = self._log.last_lines()
        told = self._log.fact("export_failed")
        if told.get("stage"):
            message = failures.headline(told)
            lines = told.get("log_tail") or lines
        elif status.fail_message:
            message = self._log.redact(status.fail_message)
        elif status.state is ActionState.TIMEOUT:
            message = f"{action} timed out after {_duration(seconds)}"
        elif status.state is ActionState.CANCELED:
            message = f"{action} was canceled"
        elif status.exit_code is not None:
            last = f": {lines[-1]}" if lines else ""
            message = f"{action} ended with exit code {status.exit_code}{last}"
        else:
            message = f"{action} could not be started"
        parameters = self._plan.export_of(step) or {}
        return Failure(step, action, message, str(told.get("stage", "")), status.exit_code, parameters, lines)

    def _end_step(self, name: str, state: StepState) -> None:
        self._steps[name] = state
        self._journal.append("step_ended", step=name, state=state)


def fact_recorder(journal: Journal) -> Callable[[str, dict[str, Any]], None]:
    """What `SessionLog` calls with the facts that actions print: they go into the journal, but never in the place of
    the runner's own events."""

    def record(name: str, fields: dict[str, Any]) -> None:
        if not name.startswith(_RESERVED_FACTS):
            journal.append(name, **fields)

    return record


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
