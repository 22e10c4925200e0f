"""Claims, fenced writes and steering through the functions of the extended database, one round trip each."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from graphql import DocumentNode

from ...errors import PlatformError
from ...journal import Entry
from ..storable import storable
from ..values import (
    MOST_CRASHES,
    NO_DONE,
    WAITING,
    Beat,
    Claim,
    NewAsset,
    Outcome,
    blames_row,
    lost,
    unusable,
    without_result,
)
from . import rows
from .connection import Connection
from .presets import preset_of


class ExtendedWork:
    """The work on jobs, with leases and fencing done by the database.

    Parameters
    ----------
    requests: the operations for extended tables, of `queries`.
    keeps_results: whether jobs have the columns of the migration `results`.
    """

    def __init__(self, connection: Connection, requests: Mapping[str, DocumentNode], *, keeps_results: bool) -> None:
        self._keeps_results = keeps_results
        self._connection = connection
        self._requests = requests

    def claim(self, worker: str, job_types: Sequence[str], *, lease_s: float, job_id: str | None) -> Claim | None:
        """Take the next job; a request repeated after a lost answer returns the same claim."""
        self._connection.worker = worker
        while True:
            request = {"worker": worker, "types": list(job_types), "lease_s": lease_s, "request": str(uuid.uuid4())}
            if job_id is not None and not self._take(job_id, request):
                return None
            try:
                found = self._call("Claim", **request)
                if not found:
                    return None
                job = rows.job(found[0])
                preset = preset_of(found[0], self._connection, self._requests)
                return Claim(job, preset, job.attempt, worker, job.lease_expires_at)
            except Exception as error:  # whatever its row holds, this job ends and the next one is taken
                if not blames_row(error):
                    raise
                self._end_unusable(request, error)

    def heartbeat(self, claim: Claim, *, lease_s: float, progress: float | None, status_details: str | None) -> Beat:
        """Renew the lease and report the progress."""
        row = self._fenced("Heartbeat", claim, lease_s=lease_s, progress=progress, status_details=status_details)
        return Beat(rows.moment(row["lease_expires_at"]), row["cancel_requested"])

    def waiting(self, job_types: Sequence[str]) -> dict[str, Any]:
        """The condition that a job's row meets while it can be claimed."""
        may_begin = [{"not_before": {"_is_null": True}}, {"not_before": {"_lte": "now()"}}]
        return {"status": {"_in": list(WAITING)}, "type": {"_in": list(job_types)}, "_or": may_begin}

    def held(self, claim: Claim) -> dict[str, Any]:
        """The condition that the job's row meets while the claim holds the job."""
        return {
            "id": {"_eq": claim.job.id},
            "attempt": {"_eq": claim.attempt},
            "worker": {"_eq": claim.worker},
            "status": {"_eq": "IN_PROGRESS"},
            "lease_expires_at": {"_is_null": False},
        }

    def finish(self, claim: Claim, outcome: Outcome) -> None:
        """End the attempt."""
        if not self._keeps_results or outcome.result is None:
            self._fenced("Finish", claim, **_ending(without_result(outcome)))
        else:
            self._fenced("EndAttempt", claim, **_ending(outcome), result=dict(outcome.result))

    def requeue_expired(self) -> Sequence[str]:
        """Requeue the jobs whose lease has expired, or put them on hold."""
        return [row["id"] for row in self._call("RequeueExpired", max_crashes=MOST_CRASHES)]

    def record(self, claim: Claim, entries: Sequence[Entry]) -> None:
        """Store events of the attempt's journal with the job."""
        self._fenced("RecordEvents", claim, events=[rows.entry_row(entry) for entry in entries])

    def events(self, job_id: str) -> Sequence[Entry]:
        """The history of a job, oldest first."""
        answer = self._connection.execute(self._requests["Events"], {"job_id": job_id})
        return [rows.entry(row) for row in answer["platform_job_event"]]

    def steer(self, what: str, job_id: str, *, done: Mapping[str, Any] | None) -> bool:
        """Cancel, retry, hold or release a job; False if its status does not allow it."""
        if not done:
            return bool(self._call(what.capitalize(), job_id=job_id))
        if not self._keeps_results:
            raise PlatformError(NO_DONE)
        return bool(self._call("RetryFailed", job_id=job_id, done=dict(done)))

    def begin_asset(self, claim: Claim, asset: NewAsset) -> str:
        """Register an asset as `IN_PROGRESS`, or make the job's asset of this name `IN_PROGRESS` again."""
        row = self._fenced(
            "BeginAsset",
            claim,
            name=asset.name,
            type=asset.type,
            path=asset.path,
            is_public_facing=asset.is_public_facing,
            style_id=asset.style_id,
            body_id=asset.body_id,
            details=dict(asset.details),
        )
        return str(row["id"])

    def asset_uploaded(self, claim: Claim, asset_id: str, details: Mapping[str, Any]) -> None:
        """Mark an asset as `UPLOADED`."""
        self._fenced("AssetUploaded", claim, asset_id=asset_id, details=dict(details))

    def _take(self, job_id: str, request: Mapping[str, Any]) -> bool:
        """Claim one waiting job for a request: the function that claims the next job then returns it.

        Only administrators may: a worker's role takes the next job.
        """
        now = datetime.now(UTC)
        claimed = {
            "status": "IN_PROGRESS",
            "status_details": None,
            "started_at": rows.text(now),
            "ended_at": None,
            "worker": request["worker"],
            "claim_request": request["request"],
            "lease_expires_at": rows.text(now + timedelta(seconds=request["lease_s"])),
            "progress": None,
            "cancel_requested": False,
            "errors": [],
            "not_before": None,
        }
        where = {**self.waiting(request["types"]), "id": {"_eq": job_id}}
        answer = self._connection.execute(self._requests["Take"], {"where": where, "set": claimed})
        return bool(next(iter(answer.values()))["affected_rows"])

    def _end_unusable(self, request: Mapping[str, Any], error: Exception) -> None:
        """End the job that a request claimed but whose row cannot be read; raise the error if there is none.

        The same request, asked again, returns the same claim, so its id is known without reading the row.
        """
        found = self._call("ClaimedId", **request)
        if not found:
            raise error
        claimed = {"job_id": found[0]["id"], "attempt": found[0]["attempt"], "worker": request["worker"]}
        self._call("Finish", **claimed, **_ending(unusable(found[0]["id"], error)))

    def _call(self, operation: str, /, **args: Any) -> list[dict[str, Any]]:
        answer = self._connection.execute(self._requests[operation], {"args": storable(args)})
        found: list[dict[str, Any]] = next(iter(answer.values()))
        return found

    def _fenced(self, operation: str, claim: Claim, /, **args: Any) -> dict[str, Any]:
        self._connection.worker = claim.worker
        found = self._call(operation, job_id=claim.job.id, attempt=claim.attempt, worker=claim.worker, **args)
        if not found:
            raise lost(claim)
        return found[0]


def _ending(outcome: Outcome) -> dict[str, Any]:
    """The arguments of `finish_job` that say how an attempt ended."""
    return {
        "status": outcome.status,
        "status_details": outcome.status_details,
        "errors": list(outcome.errors),
        "hide_previous_style_assets": outcome.hide_previous_style_assets,
        "counted": outcome.counted,
        "pause": outcome.pause,
        "crashed": outcome.crashed,
        "max_crashes": MOST_CRASHES,
    }
