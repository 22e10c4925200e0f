"""One attempt at a job: its session and its outputs, from a request to an outcome."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from openjd.sessions import PathMappingRule

from ..config import Config
from ..engine.extras import extra_exports
from ..errors import OpenjdVsError
from ..garment import check_garment
from ..journal import Journal
from ..outputs.expected import Delivery, ExpectedOutput, SyncReport
from ..outputs.logs import store_logs
from ..outputs.provenance import Provenance
from ..outputs.sync import OutputSync
from ..platform import AssetCatalogue, Outcome
from ..presets import JobDetails, Preset, load_job_details, load_preset
from ..storage import Storage, open_storage
from ..storage.address import join, local_path
from ..storage.destination import destination_prefix
from ..storage.inputs import resolve_inputs
from ..storage.manifest import write_manifest
from ..translation import parameter_values, template_digest, to_yaml, translate
from .environment import Lifeline, Redaction, session_environment
from .job_directory import JobDirectory, JobRequest, write_whole
from .log import SessionLog
from .plan import Plan, check_commands, decode, make_plan
from .runner import Failure, RunResult, SessionRunner, fact_recorder
from .status import StatusFile

_log = logging.getLogger(__name__)
_MAX_DETAILS = 2000
_CANCELED_FINISH_S = 30.0


@dataclass(frozen=True)
class JobResult:
    """What came of a run: of its steps, and of its outputs."""

    run: RunResult
    sync: SyncReport

    @property
    def succeeded(self) -> bool:
        """Whether every step did its work and every expected output is safe."""
        return self.run.succeeded and self.sync.complete

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Why it did not: what the steps say, then outputs that were made and could not be kept."""
        told = {failure.step for failure in self.run.failures}
        unsafe = [
            Failure(output.name, f"deliver {output.name}", f"{output.name}: {output.reason or 'was not made'}")
            for output in self.sync.unsafe
            if not (output.fate == "missing" and (told or self.run.canceled))
        ]
        return (*self.run.failures, *unsafe)


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
        self._log = SessionLog(directory.session_log, redact=redact, on_fact=fact_recorder(journal))
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
            self._journal.append("run_ended", steps=dict(result.steps), canceled=result.canceled)
            self._lifeline.close()
            self._delivering = True
            return JobResult(result, self._sync.finish(_CANCELED_FINISH_S if result.canceled else None))
        finally:
            self._lifeline.close()
            self._sync.stop()
            self._log.close()


def expected_outputs(preset: Preset) -> list[ExpectedOutput]:
    """The outputs of a preset's exports."""
    return [
        ExpectedOutput(
            name=export.output_file_name, upload=export.upload, asset_type=export.asset_type, instruction=export.index
        )
        for export in preset.exports
    ]


@dataclass(frozen=True)
class _Prepared:
    """All that a job needs before anything of it starts."""

    plan: Plan
    preset: Preset
    delivery: Delivery
    template_sha256: str


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
    journal.append("job_started", preset=request.preset.get("key"), worker=request.worker)
    try:
        outcome = _attempt(directory, request, config, catalogue, status, journal, on_cancelable)
    except Exception as error:  # noqa: BLE001  # whatever happens, the queue must hear how it ended
        _log.exception("the job's process failed")
        outcome = _failed(f"internal error: {type(error).__name__}: {error}", stage="internal")
    journal.append("job_ended", status=outcome.status, status_details=outcome.status_details, outcome=asdict(outcome))
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
        prepared = _prepare(directory, request, config, catalogue)
    except OpenjdVsError as error:
        return _refused(error)
    status.planned(sum(step.task_count for step in prepared.plan.steps))
    journal.append(
        "job_planned",
        template_sha256=prepared.template_sha256,
        steps=[step.name for step in prepared.plan.steps],
        parameters={name: str(value.value) for name, value in prepared.plan.values.items()},
        destination=prepared.delivery.destination,
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
    outcome = _outcome(run.run(), prepared.preset)
    if not config.outputs.logs_prefix:
        return outcome
    prefix = join(config.outputs.logs_prefix, request.job_id, str(request.attempt))
    return _with_logs(outcome, directory, prefix, prepared.delivery.storage, journal)


def _prepare(directory: JobDirectory, request: JobRequest, config: Config, catalogue: AssetCatalogue) -> _Prepared:
    """Validate, resolve and translate. Starts nothing."""
    extra = extra_exports(config.engine.extra_exports)
    preset = load_preset(request.preset, f"preset {request.preset.get('key')}", extra_exports=extra)
    details = load_job_details(request.job["details"], "job details")
    storage = open_storage(config.storage)
    destination = destination_prefix(preset.raw["details"], job_id=request.job_id, style_id=details.style_id)
    storage.check(destination)
    _write_inputs(directory, details, storage, config)
    template = translate(preset)
    digest = template_digest(template)
    write_whole(directory.template, to_yaml(template))
    check_commands(template, config.worker.allowed_commands, str(directory.template))
    values = parameter_values(
        job_id=request.job_id,
        output_dir=str(directory.output),
        inputs_manifest=str(directory.inputs),
        engine=config.engine.kind,
    )
    write_whole(directory.parameters, json.dumps(values, indent=1))
    plan = make_plan(
        decode(template, str(directory.template)), values, source=str(directory.template), base=directory.path
    )
    delivery = Delivery(
        storage=storage,
        destination=destination,
        catalogue=catalogue,
        claim=request.claim,
        style_id=details.style_id,
        body_id=details.body_id,
        metadata={"job": request.job_id, "attempt": str(request.attempt), "template-sha256": digest},
        provenance=Provenance(directory.journal),
    )
    return _Prepared(plan, preset, delivery, digest)


def _write_inputs(directory: JobDirectory, details: JobDetails, storage: Storage, config: Config) -> None:
    entries = resolve_inputs(details.raw, storage, config.storage)
    for entry in entries:
        if entry.role == "garment" and entry.url.startswith("file://"):
            check_garment(local_path(entry.url))
    write_manifest(directory.inputs, entries, details.raw)


def _refused(error: OpenjdVsError) -> Outcome:
    """The outcome of a job that never began: its input is wrong, or what it needs cannot be reached now.

    In the last case it goes back into the queue as it was: nobody's input is at fault.
    """
    if getattr(error, "transient", False):
        return replace(_failed(str(error), stage="prepare"), status="NEW", counted=False)
    return _failed(str(error), stage="prepare")


def _failed(text: str, *, stage: str) -> Outcome:
    text = Redaction(os.environ)(text)
    return Outcome("COMPLETED_ERRORS", _short(text), errors=[{"stage": stage, "message": text}])


def _outcome(result: JobResult, preset: Preset) -> Outcome:
    if result.run.canceled:
        return Outcome("CANCELED", "canceled", errors=[f.as_json() for f in result.failures])
    if result.succeeded:
        return Outcome("COMPLETED_SUCCESS", hide_previous_style_assets=preset.hide_previous_style_assets)
    safe = sum(output.safe for output in result.sync.outputs)
    head = f"{len(result.sync.outputs) - safe} of {len(result.sync.outputs)} exports failed"
    reasons = "; ".join(dict.fromkeys(failure.message for failure in result.failures))
    return Outcome(
        "COMPLETED_ERRORS",
        _short(f"{head}: {reasons}" if reasons else head),
        errors=[failure.as_json() for failure in result.failures],
    )


def _with_logs(outcome: Outcome, directory: JobDirectory, prefix: str, storage: Storage, journal: Journal) -> Outcome:
    """Store the logs of the attempt under a prefix, and tell where in the job's status details."""
    files = (directory.session_log, directory.engine_log, directory.journal, directory.template)
    if not store_logs({file.name: file for file in files}, prefix, storage=storage, journal=journal):
        return outcome
    return replace(outcome, status_details=f"{outcome.status_details or 'done'}; logs: {prefix}")


def _short(text: str) -> str:
    return text if len(text) <= _MAX_DETAILS else text[: _MAX_DETAILS - 1] + "…"
