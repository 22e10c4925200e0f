"""One attempt at a job: its session and its outputs, from a request to an outcome."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import msgspec
from openjd.sessions import PathMappingRule

from .. import events
from ..config import Config
from ..errors import OpenjdVsError
from ..journal import Journal
from ..lifeline import Lifeline
from ..outputs.logs import store_logs
from ..outputs.sync import OutputSync
from ..outputs.values import Delivery
from ..platform.ports import AssetCatalogue
from ..platform.values import Outcome
from ..redaction import Redaction
from ..session.environment import session_environment
from ..session.log import SessionLog
from ..session.plan import Plan
from ..session.runner import SessionRunner
from ..storage.address import join
from ..storage.ports import Storage
from ..translation.outputs import ExpectedOutput, expected_outputs
from .directory import JobDirectory
from .outcome import JobResult, failed, outcome_of, refused
from .prepare import prepare
from .request import JobRequest
from .status import StatusFile

_log = logging.getLogger(__name__)
_CANCELED_FINISH_S = 30.0


class JobRun:
    """Runs a plan with its sync thread.

    Parameters
    ----------
    expected: what the job will make.
    directory: takes the logs, the ledger and the sessions.
    output: where the exports go.
    delivery: where outputs are stored and registered; None when they stay where they are.
    fail_fast, path_mapping_rules: see `SessionRunner`.
    """

    def __init__(
        self,
        plan: Plan,
        expected: Sequence[ExpectedOutput],
        *,
        directory: JobDirectory,
        output: Path,
        journal: Journal,
        config: Config,
        delivery: Delivery | None = None,
        fail_fast: bool = False,
        path_mapping_rules: Sequence[PathMappingRule] = (),
    ) -> None:
        self._journal = journal
        self._delivering = False
        self._lifeline = Lifeline()
        credential = (config.platform.credential_variable,)
        redact = Redaction(os.environ, also=credential)
        self._log = SessionLog(directory.session_log, redact=redact, on_fact=journal.append)
        self._sync = OutputSync(
            output, expected, ledger=directory.ledger, journal=journal, delivery=delivery, config=config.outputs
        )
        self._runner = SessionRunner(
            plan,
            journal=journal,
            log=self._log,
            directory=directory.sessions,
            environment=session_environment(
                os.environ,
                lifeline=self._lifeline.address,
                engine_log=directory.engine_log,
                config=config.source,
                secrets=credential,
            ),
            fail_fast=fail_fast,
            path_mapping_rules=path_mapping_rules,
        )

    def cancel(self, *, now: bool = False) -> None:
        """See `SessionRunner.cancel`. What is not delivered then stays in the ledger."""
        self._runner.cancel(now=now)
        if self._delivering or now:
            self._sync.hurry()

    def run(self) -> JobResult:
        """Run to the end, and deliver what was made."""
        try:
            self._sync.start()
            result = self._runner.run()
            self._journal.append(events.RunEnded(steps=dict(result.steps), canceled=result.canceled))
            self._lifeline.close()
            self._delivering = True
            return JobResult(result, self._sync.finish(_CANCELED_FINISH_S if result.canceled else None))
        finally:
            self._lifeline.close()
            self._sync.stop()
            self._log.close()


def run_job(
    directory: JobDirectory,
    config: Config,
    catalogue: AssetCatalogue,
    *,
    on_cancelable: Callable[[JobRun], None] = lambda run: None,
) -> Outcome:
    """Run the attempt of a job directory from its request to its outcome, which is written into `status.json` too.

    Parameters
    ----------
    catalogue: takes the assets.
    on_cancelable: called with the run before it starts, by whoever wants to cancel it.
    """
    request = directory.request()
    status = StatusFile(directory.status, job_id=request.job_id, attempt=request.attempt)
    journal = Journal(directory.journal, job_id=request.job_id, attempt=request.attempt, on_event=status.on_event)
    journal.append(events.JobStarted(preset=request.preset.get("key"), worker=request.worker))
    try:
        outcome = _attempt(directory, request, config, catalogue, status, journal, on_cancelable)
    except Exception as error:  # noqa: BLE001  # whatever happens, the queue must hear how it ended
        _log.exception("the job's process failed")
        outcome = failed(f"internal error: {type(error).__name__}: {error}", stage="internal")
    journal.append(
        events.JobEnded(
            status=outcome.status,
            status_details=outcome.status_details,
            outcome=msgspec.convert(asdict(outcome), events.Outcome),
        )
    )
    journal.close()
    status.end(asdict(outcome))
    return outcome


def _attempt(
    directory: JobDirectory,
    request: JobRequest,
    config: Config,
    catalogue: AssetCatalogue,
    status: StatusFile,
    journal: Journal,
    on_cancelable: Callable[[JobRun], None],
) -> Outcome:
    try:
        prepared = prepare(directory, request, config, catalogue)
    except OpenjdVsError as error:
        return refused(error)
    status.planned(sum(step.task_count for step in prepared.plan.steps))
    journal.append(
        events.JobPlanned(
            template_sha256=prepared.template_sha256,
            steps=[step.name for step in prepared.plan.steps],
            parameters={name: str(value.value) for name, value in prepared.plan.values.items()},
            destination=prepared.delivery.destination,
        )
    )
    run = JobRun(
        prepared.plan,
        expected_outputs(prepared.preset),
        directory=directory,
        output=directory.output,
        journal=journal,
        config=config,
        delivery=prepared.delivery,
    )
    on_cancelable(run)
    outcome = outcome_of(run.run(), prepared.preset)
    if not config.outputs.logs_prefix:
        return outcome
    prefix = join(config.outputs.logs_prefix, request.job_id, str(request.attempt))
    return _with_logs(outcome, directory, prefix, prepared.delivery.storage, journal)


def _with_logs(outcome: Outcome, directory: JobDirectory, prefix: str, storage: Storage, journal: Journal) -> Outcome:
    """Store the logs of the attempt under a prefix, and tell where in the job's status details."""
    files = (directory.session_log, directory.engine_log, directory.journal, directory.template)
    if not store_logs({file.name: file for file in files}, prefix, storage=storage, journal=journal):
        return outcome
    return replace(outcome, status_details=f"{outcome.status_details or 'done'}; logs: {prefix}")
