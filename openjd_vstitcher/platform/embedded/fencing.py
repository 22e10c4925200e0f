"""Whether a claim may still write. Used inside the transaction of the write."""

from __future__ import annotations

from ..values import Claim, lost
from .database import Database


def check_held(db: Database, claim: Claim) -> None:
    """Check that a claim still holds its job.

    Raises
    ------
    ClaimLost: the job has ended, was taken back, or belongs to another attempt.
    """
    if not db.run("held", job_id=claim.job.id, attempt=claim.attempt, worker=claim.worker):
        raise lost(claim)
