"""How an attempt ended: what came of its steps and outputs, and what the queue is told of it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import OpenjdVsError
from ..events import Failure
from ..platform.values import Outcome
from ..redaction import Redaction
from .lease import Stop

if TYPE_CHECKING:
    from ..outputs.values import SyncReport
    from ..session.runner import RunResult

_MAX_DETAILS = 2000
_WORKER_STOPS = "the worker was told to stop"


@dataclass(frozen=True)
class AttemptResult:
    """What came of a run: of its steps, and of its outputs."""

    run: RunResult
    sync: SyncReport

    @property
    def succeeded(self) -> bool:
        """Whether every step succeeded and every expected output is safe."""
        return self.run.succeeded and self.sync.complete

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Why it did not succeed: first what the steps say, then outputs that were made and could not be kept."""
        unsafe = [
            Failure(action=f"deliver {output.name}", message=f"{output.name}: {output.reason or 'was not made'}")
            for output in self.sync.unsafe
            if not (output.fate == "missing" and (self.run.failures or self.run.canceled))
        ]
        return (*self.run.failures, *unsafe)


def outcome_of(result: AttemptResult, *, stop: Stop | None, hide_previous_style_assets: bool) -> Outcome:
    """The outcome of an attempt that has run.

    Parameters
    ----------
    stop: why it was stopped, None where it was not. Only a cancelation that the queue asked for cancels the job; a
        job whose machine shuts down goes back into the queue, uncounted.
    """
    errors = [failure.as_json() for failure in result.failures]
    if result.succeeded:
        return Outcome("COMPLETED_SUCCESS", hide_previous_style_assets=hide_previous_style_assets)
    if result.run.canceled and stop == "canceled":
        return Outcome("CANCELED", "canceled", errors=errors)
    if result.run.canceled:
        return given_back("the lease could not be renewed in time" if stop == "lost" else _WORKER_STOPS)
    unsafe = len(result.sync.unsafe)
    head = f"{unsafe} of {len(result.sync.outputs)} exports failed"
    reasons = "; ".join(dict.fromkeys(failure.message for failure in result.failures))
    return Outcome("COMPLETED_ERRORS", shortened(f"{head}: {reasons}" if reasons else head), errors=errors)


def given_back(reason: str = _WORKER_STOPS) -> Outcome:
    """The outcome of an attempt that was stopped although nothing is wrong with its job."""
    return Outcome("NEW", f"given back: {reason}", counted=False)


def refused(error: OpenjdVsError) -> Outcome:
    """The outcome of an attempt that never began: its input is wrong, or what it needs cannot be reached now.

    In the second case the job goes back into the queue, uncounted: nobody's input is at fault.
    """
    outcome = failed(str(error), stage="prepare")
    if getattr(error, "transient", False):
        return replace(outcome, status="NEW", counted=False)
    return outcome


def failed(text: str, *, stage: str) -> Outcome:
    """The outcome of an attempt that failed as a whole."""
    text = Redaction(os.environ)(text)
    return Outcome("COMPLETED_ERRORS", shortened(text), errors=[{"stage": stage, "message": text}])


def killed(last_line: str, *, retries_left: bool) -> Outcome:
    """The outcome of an attempt whose process ended without one.

    Parameters
    ----------
    last_line: what it printed last, "" if nothing.
    """
    reason = "the job's process was killed" + (f"; its last line: {last_line}" if last_line else "")
    return replace(failed(reason, stage="process"), status="NEW" if retries_left else "COMPLETED_ERRORS")


def shortened(text: str) -> str:
    """Text that fits into the queue's status details."""
    return text if len(text) <= _MAX_DETAILS else text[: _MAX_DETAILS - 1] + "…"
