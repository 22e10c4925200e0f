"""One attempt at a job: its session and its outputs, from a request to an outcome that the queue knows."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import msgspec

from .. import clock, events
from ..config import Config
from ..errors import OpenjdVsError
from ..journal import Entry, Journal
from ..lifeline import Lifeline
from ..outputs.logs import store_logs
from ..outputs.sync import OutputSync
from ..outputs.values import Delivery
from ..platform.ports import Platform
from ..platform.values import Outcome
from ..redaction import Redaction
from ..session.environment import queue_environment, session_environment, write_commands
from ..session.log import SessionLog
from ..session.options import NO_OPTIONS, RunOptions
from ..session.plan import Plan
from ..session.runner import SessionRunner
from ..storage.address import join
from ..storage.ports import Storage
from ..translation.outputs import ExpectedOutput, output_named
from .directory import AttemptDirectory
from .disk import DiskWatch
from .isolation import Isolation, isolated
from .lease import Lease
from .lock import hold
from .outcome import AttemptResult, outcome_of, outcome_of_error
from .prepare import PreparedAttempt, prepare
from .report import report
from .request import AttemptRequest
from .result import keep_result
from .status import StatusFile

_log = logging.getLogger(__name__)
_STOPPED_FINISH_S = 30.0
_PREPARE_S = 1800.0


class PlanRun:
    """Runs a plan in sessions, and the sync of its outputs beside them.

    Parameters
    ----------
    expected: what the job will make.
    directory: takes the logs, the ledger and the sessions.
    output: where the exports go.
    delivery: where outputs are stored and registered; None when they stay where they are.
    queued: the job comes from the queue, so its actions see harmless variables only, and change none.
    isolation: of actions that run as another user.
    on_output: see `SessionLog`.
    alive: called about once a second while the work goes on.
    output_types: see `TranslatedJob`.
    """

    def __init__(
        self,
        plan: Plan,
        expected: Sequence[ExpectedOutput],
        *,
        directory: AttemptDirectory,
        output: Path,
        journal: Journal,
        config: Config,
        delivery: Delivery | None = None,
        options: RunOptions = NO_OPTIONS,
        queued: bool = False,
        isolation: Isolation | None = None,
        on_output: Callable[[str], object] = lambda line: None,
        alive: Callable[[], None] = lambda: None,
        output_types: Mapping[str, str | None] | None = None,
    ) -> None:
        self._directory = directory
        self._output = output if output_types is not None else None
        self._journal = journal
        self._alive = alive
        self._delivering = False
        self._lifeline = Lifeline()
        redact = Redaction(os.environ, also=config.secret_variables)
        self._log = SessionLog(directory.session_log, redact=redact, on_fact=journal.append, on_output=on_output)
        self._sync = OutputSync(
            output,
            expected,
            ledger=directory.ledger,
            journal=journal,
            delivery=delivery,
            config=config.outputs,
            adopt=None if output_types is None else partial(output_named, types=output_types),
        )
        environment = session_environment(
            os.environ,
            lifeline=self._lifeline.address,
            engine_log=isolation.engine_log if isolation else directory.engine_log,
            config=isolation.config if isolation else config.source,
            secrets=config.secret_variables if queued else None,
        )
        if queued:
            environment = queue_environment(
                os.environ,
                environment,
                commands=write_commands(directory.commands),
                pass_on=config.worker.pass_environment,
                other_user=isolation is not None,
            )
        self._runner = SessionRunner(
            plan,
            journal=journal,
            log=self._log,
            directory=directory.sessions,
            environment=environment,
            options=options,
            ignore_variables=queued,
            exits_must_succeed=not queued,
            user=isolation.user if isolation else None,
            alive=alive,
        )

    def cancel(self, *, now: bool = False) -> None:
        """See `SessionRunner.cancel`. What is not delivered then stays in the ledger."""
        self._runner.cancel(now=now)
        if self._delivering or now:
            self._sync.hurry()

    def run(self) -> AttemptResult:
        """Run to the end, and deliver what was made."""
        try:
            self._sync.start()
            result = self._runner.run()
            self._journal.append(events.RunEnded(steps=dict(result.steps), canceled=result.canceled))
            self._lifeline.close()
            self._delivering = True
            limit_s = _STOPPED_FINISH_S if result.canceled else None
            returned = None if self._output is None else keep_result(self._output, self._directory)
            return AttemptResult(result, self._sync.finish(limit_s, alive=self._alive), returned)
        finally:
            self._lifeline.close()
            self._sync.stop()
            self._log.close()


def run_attempt(
    directory: AttemptDirectory,
    config: Config,
    platform: Platform,
    *,
    on_started: Callable[[Lease], None] = lambda lease: None,
) -> bool:
    """Run the attempt of a directory under its own lease, from its request to its outcome, and report that.

    Parameters
    ----------
    on_started: called with the lease, by whoever wants to give the job back.

    Returns whether the queue knows the outcome, or needs none.

    Raises
    ------
    DirectoryBusy: another process works on this attempt.
    InvalidInput: the directory has no readable request.
    """
    with hold(directory):
        request = directory.request()
        status = StatusFile(directory.status, job_id=request.job_id, attempt=request.attempt)
        disk = DiskWatch(directory.output, config.worker.min_free_bytes)

        def on_event(entry: Entry) -> None:
            status.on_event(entry)
            disk.on_event(entry)

        journal = Journal(directory.journal, job_id=request.job_id, attempt=request.attempt, on_event=on_event)
        with Lease(
            platform,
            request.claim,
            directory,
            status,
            length_s=config.worker.lease_s,
            claimed_s=min(request.claimed_s, clock.now_s()),
        ) as lease:
            on_started(lease)
            journal.append(events.JobStarted(preset=request.preset.get("key"), worker=request.worker))
            outcome = _Attempt(directory, request, config, status, journal, lease, disk).outcome(platform)
            lease.work_over()
            told = asdict(outcome)
            journal.append(
                events.JobEnded(
                    status=outcome.status,
                    status_details=outcome.status_details,
                    outcome=msgspec.convert(told, events.Outcome),
                )
            )
            status.reporting(told)
            reported = report(platform, request.claim, outcome, directory, lease, alive=status.alive)
            journal.close()
            status.end(told)
            return reported


@dataclass(frozen=True)
class _Attempt:
    """The work of an attempt, between its claim and its report."""

    directory: AttemptDirectory
    request: AttemptRequest
    config: Config
    status: StatusFile
    journal: Journal
    lease: Lease
    disk: DiskWatch

    def outcome(self, platform: Platform) -> Outcome:
        """Work, and say how it ended, whatever happens: the queue must hear of it."""
        try:
            self.status.alive(_PREPARE_S)
            outcome = self._run(prepare(self.directory, self.request, self.config, platform))
        except Exception as error:  # noqa: BLE001  # see above
            if not isinstance(error, OpenjdVsError):
                _log.exception("the attempt failed")
            job = self.request.claim.job
            outcome = outcome_of_error(error, returns=max(job.returns, job.auto_retries))
        hide = Redaction(os.environ, also=self.config.secret_variables)
        return replace(
            outcome,
            status_details=hide.json(outcome.status_details),
            errors=hide.json(outcome.errors),
            result=hide.json(outcome.result),
        )

    def _run(self, prepared: PreparedAttempt) -> Outcome:
        plan = prepared.plan
        self.journal.append(
            events.JobPlanned(
                template_sha256=prepared.template_sha256,
                steps=[step.name for step in plan.steps],
                tasks=[step.task_count for step in plan.steps],
                parameters={name: str(value.value) for name, value in plan.values.items()},
                destination=prepared.delivery.destination if prepared.delivery else None,
            )
        )
        with isolated(self.directory, self.config) as isolation:
            run = PlanRun(
                plan,
                prepared.job.outputs,
                directory=self.directory,
                output=self.directory.output,
                journal=self.journal,
                config=self.config,
                delivery=prepared.delivery,
                queued=True,
                isolation=isolation,
                alive=self.status.alive,
                output_types=prepared.job.output_types,
            )
            self.lease.on_stop(lambda reason: run.cancel(now=reason == "lost"))
            result = run.run()
        for failure in result.run.failures if result.succeeded else ():
            warning = f"{failure.message}; every output of the job was delivered all the same"
            self.journal.append(events.ActionWarning(kind="run", step=failure.step, message=warning))
        hides = prepared.job.hides_previous_style_assets
        full_disk = "" if result.succeeded else self.disk.shortage()
        outcome = outcome_of(result, stop=self.lease.stop, hide_previous_style_assets=hides, full_disk=full_disk)
        return self._with_logs(outcome, prepared.storage)

    def _with_logs(self, outcome: Outcome, storage: Storage) -> Outcome:
        """Store the logs of the attempt where the configuration says, and name the place in the status details."""
        if not self.config.outputs.logs_prefix:
            return outcome
        prefix = join(self.config.outputs.logs_prefix, self.request.job_id, str(self.request.attempt))
        directory = self.directory
        files = (directory.session_log, directory.engine_log, directory.journal, directory.template)
        if not store_logs({file.name: file for file in files}, prefix, storage=storage, journal=self.journal):
            return outcome
        return replace(outcome, status_details=f"{outcome.status_details or 'done'}; logs: {prefix}")
