"""Whether a claim may still write. Used inside the transaction of the write."""

from __future__ import annotations

from ...errors import ClaimLost
from ..values import Claim
from .database import Database


def check_held(db: Database, claim: Claim) -> None:
    """Check that a claim still holds its job.

    Raises
    ------
    ClaimLost: the job has ended, was taken back, or belongs to another attempt.
    """
    if not db.run("held", job_id=claim.job.id, attempt=claim.attempt, worker=claim.worker):
        raise lost(claim)


def lost(claim: Claim) -> ClaimLost:
    """The error for a claim that is lost."""
    return ClaimLost.of(claim.worker, claim.attempt, claim.job.id)
