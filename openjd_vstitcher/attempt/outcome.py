"""How an attempt ended: what came of its steps and outputs, and what the queue is told of it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .. import failures, files
from ..action_output import MACHINE_FAULT
from ..errors import ConfigError, OpenjdVsError
from ..events import Failure
from ..platform.values import Outcome
from ..redaction import Redaction
from .lease import LOST, Stop

if TYPE_CHECKING:
    from ..outputs.values import OutputResult, SyncReport
    from ..session.runner import RunResult

_MAX_DETAILS = 2000
_MACHINE = "machine"
_STAGING = "WorkingDirectory"
_NO_ENGINE = failures.headline({"stage": "start", "message": ""})
_DENIED_RETURNS = 5
_WORKER_STOPS = "the worker was told to stop"


@dataclass(frozen=True)
class AttemptResult:
    """What came of a run: of its steps, of its outputs, and what it returned."""

    run: RunResult
    sync: SyncReport
    returned: Mapping[str, Any] | None = None

    @property
    def outputs(self) -> Sequence[OutputResult]:
        """What became of its outputs."""
        return self.sync.outputs

    @property
    def succeeded(self) -> bool:
        """Whether every expected output is safe, and every step succeeded or failed only after its export was made."""
        return self.sync.complete and (self.run.succeeded or self.delivered_all)

    @property
    def delivered_all(self) -> bool:
        """Whether only engines failed, and each only after its export was whole: an export gets its name when it is.

        Then the failure took nothing from the job, such as a crash of the engine when it was about to reply.
        """
        states = set(self.run.steps.values())
        names = {output.name for output in self.outputs}
        exported = all(failure.parameters.get("output_file_name") in names for failure in self.run.failures)
        return bool(names) and exported and states <= {"succeeded", "failed"} and not self.run.canceled

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Why it did not succeed: first what the steps say, then outputs that were made and could not be kept."""
        unsafe = [
            Failure(action=f"deliver {output.name}", message=f"{output.name}: {output.reason or 'was not made'}")
            for output in self.sync.unsafe
            if not (output.fate == "missing" and (self.run.failures or self.run.canceled))
        ]
        return (*self.run.failures, *unsafe)


def outcome_of(
    result: AttemptResult, *, stop: Stop | None, hide_previous_style_assets: bool, full_disk: str = ""
) -> Outcome:
    """The outcome of an attempt that has run.

    Parameters
    ----------
    stop: why it was stopped, None where it was not. Only a cancelation that the queue asked for cancels the job; a
        job whose machine shuts down goes back into the queue, uncounted.
    full_disk: that the disk was full when something failed, "" if it was not: a short or missing export is then this
        machine's fault.
    """
    errors = [failure.as_json() for failure in result.failures]
    if result.succeeded:
        hides = hide_previous_style_assets
        return Outcome("COMPLETED_SUCCESS", hide_previous_style_assets=hides, result=result.returned)
    if result.run.canceled and stop == "canceled":
        return Outcome("CANCELED", "canceled", errors=errors)
    if result.run.canceled or stop in ("given back", "lost"):
        return given_back(LOST if stop == "lost" else _WORKER_STOPS)
    if obstacle := _obstacle(result):
        return machine_fault(obstacle)
    unsafe = len(result.sync.unsafe)
    head = f"{unsafe} of {len(result.sync.outputs)} exports failed" if unsafe else "a step failed"
    reasons = "; ".join(dict.fromkeys(failure.message for failure in result.failures))
    if full_disk:
        return machine_fault(f"{full_disk}: {reasons}")
    details = shortened(f"{head}: {reasons}" if reasons else head)
    return Outcome("COMPLETED_ERRORS", details, errors=errors, result=result.returned)


def _obstacle(result: AttemptResult) -> str:
    """What this machine could not do, "" if nothing: bring the inputs, start an engine, deliver what was made."""
    for failure in result.run.failures:
        not_staged = failure.environment == _STAGING and failure.exit_code == MACHINE_FAULT
        if not_staged or failure.stage == "start" or failure.message.startswith(_NO_ENGINE):
            return failure.message
    pending = [f"{output.name}: {output.reason}" for output in result.sync.unsafe if output.fate == "pending"]
    return f"not delivered in time: {'; '.join(pending)}" if pending else ""


def given_back(reason: str = _WORKER_STOPS) -> Outcome:
    """The outcome of an attempt that was stopped although nothing is wrong with its job."""
    return Outcome("NEW", f"given back: {reason}", counted=False)


def machine_fault(reason: str) -> Outcome:
    """The outcome of an attempt that this machine could not make: the job is not at fault and goes back, uncounted."""
    return replace(failed(reason, stage=_MACHINE), status="NEW", counted=False, pause=True)


def is_machine_fault(outcome: Mapping[str, Any] | None) -> bool:
    """Whether an outcome, as JSON data, is a `machine_fault`."""
    return outcome is not None and any(error.get("stage") == _MACHINE for error in outcome.get("errors") or ())


def outcome_of_error(error: Exception, *, returns: int = 0) -> Outcome:
    """The outcome of an attempt that an error ended.

    The job goes back into the queue, uncounted, if the machine is at fault or something cannot be reached now. It also
    goes back a few times when a credential was refused: that one is being renewed and that the job names something
    which nobody may read look alike.

    Parameters
    ----------
    returns: how often the job went back before.
    """
    if is_of_machine(error):
        return machine_fault(str(error) or type(error).__name__)
    if isinstance(error, OpenjdVsError):
        outcome = failed(str(error), stage="prepare")
        denied = getattr(error, "credential", False) and returns < _DENIED_RETURNS
        if getattr(error, "transient", False) or denied:
            return replace(outcome, status="NEW", counted=denied, pause=True)
        return outcome
    if isinstance(error, RecursionError):
        return failed("the job or its preset is nested too deeply to be read", stage="prepare")
    return failed(f"internal error: {type(error).__name__}: {error}", stage="internal")


def is_of_machine(error: BaseException | None) -> bool:
    """Whether this machine is at fault for an error or its cause: its disk, memory, files or configuration."""
    while error is not None:
        if isinstance(error, MemoryError | sqlite3.Error | ConfigError):
            return True
        if isinstance(error, OSError) and files.is_machine_fault(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def failed(text: str, *, stage: str) -> Outcome:
    """The outcome of an attempt that failed as a whole."""
    text = Redaction(os.environ)(text)
    return Outcome("COMPLETED_ERRORS", shortened(text), errors=[{"stage": stage, "message": text}])


def crashed(last_line: str) -> Outcome:
    """The outcome of an attempt whose process ended without one. Who ends so often is put on hold by the queue.

    Parameters
    ----------
    last_line: what it printed last, "" if nothing.
    """
    reason = "the job's process was killed" + (f"; its last line: {last_line}" if last_line else "")
    return replace(failed(reason, stage="process"), status="NEW", crashed=True)


def shortened(text: str) -> str:
    """Text that fits into the queue's status details."""
    return text if len(text) <= _MAX_DETAILS else text[: _MAX_DETAILS - 1] + "…"
