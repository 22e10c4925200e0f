"""Runs a plan through `openjd.sessions` and reports to the journal. Knows nothing of presets, queues or storage."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from openjd.model.v2023_09 import Environment
from openjd.sessions import LOG, Session, SessionState, SessionUser

from .. import events
from ..events import Failure, StepState
from ..journal import Journal
from .action_runner import ActionRunner, SessionOver
from .actions import EnterEnvironment, ExitEnvironment, RunTask
from .log import SessionLog
from .options import NO_OPTIONS, RunOptions
from .plan import Plan, PlannedStep
from .tasks import run_in_turn


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Parameters
    ----------
    steps: the state of each step, by name, in the order of the plan.
    failures: in the order in which they happened.
    exits_failed: an environment failed to exit, and that counts as a failure of the run.
    """

    steps: Mapping[str, StepState]
    failures: tuple[Failure, ...]
    canceled: bool
    exits_failed: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether every step succeeded."""
        return not self.exits_failed and all(state == "succeeded" for state in self.steps.values())


class SessionRunner:
    """Runs the steps of a plan, in as many sessions as necessary.

    An OpenJD session ends with its first failed action. The remaining steps run in a new session with a new engine, so
    one failed export does not stop the others.

    Parameters
    ----------
    log: receives the log records of `openjd.sessions` during the run.
    directory: where sessions create their working directories.
    environment: changes to the environment variables of actions; None removes a variable.
    ignore_variables: what actions print changes no environment variable. Otherwise that holds for our own commands.
    exits_must_succeed: an environment that fails to exit fails its step and the run. Otherwise it is a warning.
    user: the user that actions run as; None: this process's.
    alive: called several times a second while an action runs.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        journal: Journal,
        log: SessionLog,
        directory: Path,
        environment: Mapping[str, str | None],
        options: RunOptions = NO_OPTIONS,
        ignore_variables: bool = False,
        exits_must_succeed: bool = False,
        user: SessionUser | None = None,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._plan = plan
        self._journal = journal
        self._log = log
        self._directory = directory
        self._environment = dict(environment)
        self._options = options
        self._actions = ActionRunner(plan, journal, log, ignore_variables=ignore_variables, alive=alive)
        self._exits_must_succeed = exits_must_succeed
        self._user = user
        self._steps: dict[str, StepState] = {}
        self._failures: list[Failure] = []
        self._exits_failed = False
        self._entered: dict[str, EnterEnvironment] = {}

    def cancel(self, *, now: bool = False) -> None:
        """Cancel the run: the running action is notified and gets its grace period, or with `now` ends at once.

        May be called from a signal handler and from any thread. `run` returns when everything has ended.
        """
        self._actions.cancel(now=now)

    def run(self) -> RunResult:
        """Run every step, and return when the last session has ended."""
        LOG.addHandler(self._log)
        LOG.addFilter(self._actions.protocol)
        LOG.setLevel("INFO")
        try:
            while (waiting := self._waiting()) and not self._stopped():
                before = len(self._steps)
                self._run_session(waiting)
                if len(self._steps) == before:
                    break
        finally:
            LOG.removeFilter(self._actions.protocol)
            LOG.removeHandler(self._log)
        for planned in self._plan.steps:
            if planned.name not in self._steps:
                self._end_step(planned.name, "canceled" if self._canceled else "skipped")
        ordered = {planned.name: self._steps[planned.name] for planned in self._plan.steps}
        return RunResult(ordered, tuple(self._failures), self._canceled, self._exits_failed)

    @property
    def _canceled(self) -> bool:
        return self._actions.canceled != "no"

    def _waiting(self) -> list[PlannedStep]:
        """The steps that can still run. Steps that depend on one that did not succeed are marked as skipped."""
        for planned in self._plan.steps:
            ended = [self._steps[name] for name in planned.depends_on if name in self._steps]
            if planned.name not in self._steps and any(state != "succeeded" for state in ended):
                self._end_step(planned.name, "skipped")
        return [planned for planned in self._plan.steps if planned.name not in self._steps]

    def _stopped(self) -> bool:
        return self._canceled or (self._options.fail_fast and bool(self._failures))

    def _run_session(self, steps: Sequence[PlannedStep]) -> None:
        with self._session() as session:
            try:
                for environment in self._plan.environments:
                    self._enter(session, environment)
                for planned in steps:
                    self._run_step(session, planned)
            except SessionOver as over:
                if over.failure is not None:
                    self._failures.append(over.failure)
            finally:
                self._exit_environments(session, keep=0)

    @contextmanager
    def _session(self) -> Iterator[Session]:
        session_id = f"session-{uuid.uuid4().hex[:12]}"
        self._actions.protocol.session_id = session_id
        session = Session(
            session_id=session_id,
            job_parameter_values=self._plan.values,
            job_name=str(self._plan.job.name),
            path_mapping_rules=list(self._options.path_mapping_rules) or None,
            callback=self._actions.on_status,
            os_env_vars=self._environment,  # type: ignore[arg-type]  # None removes a variable
            session_root_directory=self._directory,
            user=self._user,
            retain_working_dir=self._options.preserve,
            revision_extensions=self._plan.extensions,
        )
        self._entered = {}
        self._journal.append(events.SessionStarted(session=session_id))
        try:
            yield session
        finally:
            session.cleanup()
            self._journal.append(events.SessionEnded(session=session_id))

    def _run_step(self, session: Session, planned: PlannedStep) -> None:
        entered = len(session.environments_entered)
        self._journal.append(events.StepStarted(step=planned.name, tasks=planned.task_count))
        try:
            for environment in planned.step.stepEnvironments or []:
                self._enter(session, environment, planned)
            if planned.step.script is not None:
                for number, task in run_in_turn(planned.step.parameterSpace, planned.tasks, planned.maximum_tasks):
                    self._actions.run(session, RunTask(planned, task, number))
        except SessionOver as over:
            self._end_step(planned.name, "failed" if over.failure is not None else "canceled")
            raise
        exited = self._exit_environments(session, keep=entered, keep_session_running=True)
        self._end_step(planned.name, "succeeded" if exited else "failed")
        if session.state is not SessionState.READY:
            raise SessionOver(None)

    def _enter(self, session: Session, environment: Environment, planned: PlannedStep | None = None) -> None:
        name = environment.name
        identifier = name if name not in self._entered else f"{name} ({len(self._entered)})"
        action = EnterEnvironment(environment, identifier, planned)
        self._entered[identifier] = action
        self._actions.run(session, action)

    def _exit_environments(self, session: Session, *, keep: int, keep_session_running: bool = False) -> bool:
        """Exit all environments but the first `keep`. Returns False if a failed exit counts as a failure of the run.

        After an immediate cancelation no environment is exited: the closed lifeline ends the engine.
        """
        exited = True
        for identifier in reversed(session.environments_entered[keep:]):
            if self._actions.canceled == "now":
                return exited
            action = ExitEnvironment(self._entered.pop(identifier), keep_session_running)
            try:
                self._actions.run(session, action, at_end=True)
            except SessionOver as over:
                if over.failure is None:
                    continue
                self._journal.append(events.ActionWarning(**action.fields(), message=over.failure.message))
                if self._exits_must_succeed:
                    self._failures.append(over.failure)
                    exited, self._exits_failed = False, True
        return exited

    def _end_step(self, name: str, state: StepState) -> None:
        self._steps[name] = state
        self._journal.append(events.StepEnded(step=name, state=state))
