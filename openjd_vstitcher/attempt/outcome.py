"""How an attempt ended, as the queue is told."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from ..errors import OpenjdVsError
from ..events import Failure
from ..outputs.values import SyncReport
from ..platform.values import Outcome
from ..presets import Preset
from ..redaction import Redaction
from ..session.runner import RunResult

_MAX_DETAILS = 2000


def refused(error: OpenjdVsError) -> Outcome:
    """The outcome of a job that never began: its input is wrong, or what it needs cannot be reached now.

    In the last case it goes back into the queue as it was: nobody's input is at fault.
    """
    if getattr(error, "transient", False):
        return replace(failed(str(error), stage="prepare"), status="NEW", counted=False)
    return failed(str(error), stage="prepare")


def failed(text: str, *, stage: str) -> Outcome:
    text = Redaction(os.environ)(text)
    return Outcome("COMPLETED_ERRORS", shortened(text), errors=[{"stage": stage, "message": text}])


def outcome_of(result: JobResult, preset: Preset) -> Outcome:
    if result.run.canceled:
        return Outcome("CANCELED", "canceled", errors=[f.as_json() for f in result.failures])
    if result.succeeded:
        return Outcome("COMPLETED_SUCCESS", hide_previous_style_assets=preset.hide_previous_style_assets)
    safe = sum(output.safe for output in result.sync.outputs)
    head = f"{len(result.sync.outputs) - safe} of {len(result.sync.outputs)} exports failed"
    reasons = "; ".join(dict.fromkeys(failure.message for failure in result.failures))
    return Outcome(
        "COMPLETED_ERRORS",
        shortened(f"{head}: {reasons}" if reasons else head),
        errors=[failure.as_json() for failure in result.failures],
    )


def shortened(text: str) -> str:
    return text if len(text) <= _MAX_DETAILS else text[: _MAX_DETAILS - 1] + "…"


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
        told = bool(self.run.failures)
        unsafe = [
            Failure(action=f"deliver {output.name}", message=f"{output.name}: {output.reason or 'was not made'}")
            for output in self.sync.unsafe
            if not (output.fate == "missing" and (told or self.run.canceled))
        ]
        return (*self.run.failures, *unsafe)
