"""What an attempt is started with: the claim's job and preset, as data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from ..platform.values import JOB_TIMES, Claim, Job


@dataclass(frozen=True)
class AttemptRequest:
    """What an attempt was started with. Holds no credential.

    Parameters
    ----------
    job: the queue's row, as JSON data.
    preset: the preset's row.
    attempt, worker: of the claim under which it runs.
    claimed_s: when the claim was asked for, by `clock.now_s`: its lease is at least as old.
    """

    job: Mapping[str, Any]
    preset: Mapping[str, Any]
    attempt: int
    worker: str
    claimed_s: float = 0.0

    @property
    def job_id(self) -> str:
        """The job's id."""
        return str(self.job["id"])

    @property
    def claim(self) -> Claim:
        """The claim under which the attempt runs, for writes about the job and its assets."""
        known = {field.name for field in fields(Job)}
        row: dict[str, Any] = {name: value for name, value in self.job.items() if name in known}
        for name in JOB_TIMES:
            row[name] = datetime.fromisoformat(row[name]) if row.get(name) else None
        return Claim(Job(**row), self.preset, self.attempt, self.worker, row["lease_expires_at"])

    @classmethod
    def of(cls, claim: Claim, claimed_s: float) -> AttemptRequest:
        """The request for the attempt that a claim allows.

        Raises
        ------
        RecursionError, ValueError: the job cannot be written as JSON.
        """
        job = json.loads(json.dumps(vars(claim.job), default=str))
        return cls(job, claim.preset, claim.attempt, claim.worker, claimed_s)
