"""Claims, fenced writes and steering with today's columns only: claims by compare-and-set, no leases.

`started_at` is the fence: each claim sets it to the current microsecond, and every later write compares it.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from graphql import DocumentNode

from ...errors import InvalidInput, NotFound, PlatformError, Problem, Unreadable
from ...journal import Entry
from ..storable import storable
from ..values import (
    ENDED,
    MOST_CRASHES,
    NO_DONE,
    WAITING,
    Beat,
    Claim,
    JobStatus,
    NewAsset,
    Outcome,
    blames_row,
    lost,
    on_hold,
    unusable,
    without_result,
)
from . import rows
from .connection import Connection
from .pauses import Pauses
from .presets import preset_of
from .refusal import RequestRefused

_log = logging.getLogger(__name__)

_CANDIDATES = 20
_CANCELED = "canceled"

_ENDED_TODAY = [status for status in ENDED if status != "CANCELED"]
_RETRIED = {"status": "NEW", "status_details": None, "started_at": None, "ended_at": None}
_STEER: dict[str, tuple[Sequence[str], Mapping[str, Any]]] = {
    "hold": (WAITING, {"status": "ON_HOLD"}),
    "release": (("ON_HOLD",), {"status": "NEW"}),
}


class LegacyWork:
    """The work on jobs in a database that has not been extended.

    Parameters
    ----------
    requests: the operations for today's tables, of `queries`.
    job_root: the GraphQL name of the table of jobs.
    assets_know_job: whether assets have the relation `job`, which fences writes about assets.
    """

    def __init__(
        self,
        connection: Connection,
        requests: Mapping[str, DocumentNode],
        *,
        job_root: str,
        assets_know_job: bool,
    ) -> None:
        self._connection = connection
        self._requests = requests
        self._job_root = job_root
        self._assets_know_job = assets_know_job
        self._pauses = Pauses()

    def claim(self, worker: str, job_types: Sequence[str], *, lease_s: float, job_id: str | None) -> Claim | None:
        """Take the next job with an update conditional on its status; exactly one changed row is a claim."""
        while True:
            one = {} if job_id is None else {"_eq": job_id}
            waiting = {**self.waiting(job_types), "id": {"_nin": self._pauses.now(), **one}}
            found = self._query("Next", where=waiting, limit=_CANDIDATES)[self._job_root]
            for candidate in found:
                if self._pauses.may_begin(candidate["id"], candidate["started_at"]):
                    claim = self._claimed(candidate["id"], worker)
                    if claim is not None:
                        return claim
            if len(found) < _CANDIDATES:
                return None

    def waiting(self, job_types: Sequence[str]) -> dict[str, Any]:
        """The condition that a job's row meets while it can be claimed."""
        return {"status": {"_in": list(WAITING)}, "type": {"_in": list(job_types)}}

    def heartbeat(self, claim: Claim, *, lease_s: float, progress: float | None, status_details: str | None) -> Beat:
        """Check that the claim still holds the job; there is no lease to renew and no column for progress."""
        if status_details is None:
            self._held(claim)
        elif not self._update(self.held(claim), {"status_details": status_details}):
            raise lost(claim)
        return Beat(None, False)

    def held(self, claim: Claim) -> dict[str, Any]:
        """The condition that the job's row meets while the claim holds the job."""
        return _held_since(claim.job.id, _started(claim))

    def finish(self, claim: Claim, outcome: Outcome) -> None:
        """End the attempt and hide the older assets of its styles, in one transaction."""
        outcome = without_result(outcome)
        now = rows.text(datetime.now(UTC))
        ended: JobStatus = "COMPLETED_ERRORS" if outcome.status == "CANCELED" else outcome.status
        reason = storable(outcome.status_details) or (_CANCELED if outcome.status == "CANCELED" else None)
        retries = claim.job.auto_retries + (1 if outcome.counted or outcome.crashed else 0)
        if outcome.crashed and retries >= MOST_CRASHES:
            ended, reason = "ON_HOLD", on_hold(reason, retries, claim.job.id)
        if not self._exists(self.held(claim)):
            self._already(claim, ended, reason)
            return
        styles = self._styles(claim) if outcome.hide_previous_style_assets else []
        answer = self._query(
            "Finish",
            hide=bool(styles),
            previous={
                "is_public_facing": {"_eq": True},
                "style_id": {"_in": styles},
                "created_at": {"_lt": _started(claim)},
                "_or": [{"job_id": {"_is_null": True}}, {"job_id": {"_neq": claim.job.id}}],
            },
            where=self.held(claim),
            set={
                "status": ended,
                "status_details": reason,
                **({"auto_retries": retries} if ended in ("NEW", "ON_HOLD") else {"ended_at": now}),
            },
        )
        self._pauses.ended(claim.job.id, pauses=ended == "NEW" and (outcome.pause or outcome.crashed))
        if not answer[f"update_{self._job_root}"]["affected_rows"]:
            self._already(claim, ended, reason)

    def requeue_expired(self) -> Sequence[str]:
        """Do nothing: without leases, the job of a dead worker looks like a long one."""
        return ()

    def record(self, claim: Claim, entries: Sequence[Entry]) -> None:
        """Do nothing: today's tables cannot store events; they are in the journal of the job directory."""

    def events(self, job_id: str) -> Sequence[Entry]:
        """None are stored."""
        return ()

    def steer(self, what: str, job_id: str, *, done: Mapping[str, Any] | None) -> bool:
        """Cancel, retry, hold or release a job; False if its status does not allow it.

        Canceling a running job ends it at once: its worker finds the claim lost.
        """
        if done:
            raise PlatformError(NO_DONE)
        before, changes = _STEER.get(what, ((), {}))
        if what == "cancel":
            before = (*WAITING, "ON_HOLD", "IN_PROGRESS")
            now = rows.text(datetime.now(UTC))
            changes = {"status": "COMPLETED_ERRORS", "status_details": _CANCELED, "ended_at": now}
        elif what == "retry":
            row = self._query("AutoRetries", id=job_id)[f"{self._job_root}_by_pk"] or {}
            before = _ENDED_TODAY
            changes = {**_RETRIED, "auto_retries": (row.get("auto_retries") or 0) + 1}
        changed = self._update({"id": {"_eq": job_id}, "status": {"_in": list(before)}}, changes)
        self._pauses.forget(job_id)
        return changed

    def begin_asset(self, claim: Claim, asset: NewAsset) -> str:
        """Register an asset as `IN_PROGRESS`, or make the job's asset of this name `IN_PROGRESS` again."""
        self._held(claim)
        values = {
            "type": asset.type,
            "status": "IN_PROGRESS",
            "path": asset.path,
            "is_public_facing": asset.is_public_facing,
            "details": {**asset.details, "attempt": claim.attempt},
        }
        known_id = self._asset_id(claim, asset)
        if known_id is None:
            row = {"job_id": claim.job.id, "name": asset.name, "style_id": asset.style_id, "body_id": asset.body_id}
            return self._insert_asset(claim, asset, {**row, **values})
        fenced = {"id": {"_eq": known_id}, **self._job_fence(claim)}
        if not self._query("UpdateAsset", where=fenced, set=values)["update_create_asset"]["affected_rows"]:
            raise lost(claim)
        return known_id

    def asset_uploaded(self, claim: Claim, asset_id: str, details: Mapping[str, Any]) -> None:
        """Mark an asset as `UPLOADED`."""
        of_job = {"id": {"_eq": asset_id}, "job_id": {"_eq": claim.job.id}}
        not_yet = {"_or": [{"status": {"_neq": "UPLOADED"}}, {"_not": {"details": {"_contains": dict(details)}}}]}
        self._held(claim)
        changed = self._query(
            "AssetUploaded",
            where={**of_job, **not_yet, **self._job_fence(claim)},
            set={"status": "UPLOADED"},
            append={"details": dict(details)},
        )["update_create_asset"]["affected_rows"]
        if not changed and not self._query("AssetOfName", where=of_job)["create_asset"]:
            raise NotFound(f"job {claim.job.id} has no asset {asset_id}")

    def _asset_id(self, claim: Claim, asset: NewAsset) -> str | None:
        same_name = {"job_id": {"_eq": claim.job.id}, "name": {"_eq": asset.name}}
        found = self._query("AssetOfName", where=same_name)["create_asset"]
        return str(found[0]["id"]) if found else None

    def _insert_asset(self, claim: Claim, asset: NewAsset, row: Mapping[str, Any]) -> str:
        """Add an asset under an id that follows from its job and name, so that a lost answer leads to no second one."""
        asset_id = str(uuid.uuid5(uuid.UUID(claim.job.id), storable(asset.name)))
        try:
            return str(self._query("InsertAsset", asset={"id": asset_id, **row})["insert_create_asset_one"]["id"])
        except RequestRefused as error:
            if error.transient or error.credential:
                raise
            known_id = self._asset_id(claim, asset)
            if known_id is not None:
                return known_id
            _log.info("the id of an asset cannot be chosen: %s", error)
        return str(self._query("InsertAsset", asset=row)["insert_create_asset_one"]["id"])

    def _claimed(self, job_id: str, worker: str) -> Claim | None:
        """Take a job; None if somebody else has it, or if its row cannot be used and it has therefore ended."""
        started_at = rows.text(datetime.now(UTC))
        try:
            row = self._take(job_id, started_at)
        except Unreadable as error:
            self._end_unusable(job_id, started_at, error)
            return None
        if row is None:
            return None
        self._pauses.claimed(job_id, row["started_at"])
        try:
            job = rows.job(row)
            return Claim(job, preset_of(row, self._connection, self._requests), job.attempt, worker, None)
        except Exception as error:  # whatever its row holds, this job ends and the next one is taken
            if not blames_row(error):
                self._update(_held_since(job_id, row["started_at"]), {"status": "NEW"})
                raise
            self._end_unusable(job_id, row["started_at"], error)
            return None

    def _end_unusable(self, job_id: str, started_at: str, error: Exception) -> None:
        outcome = unusable(job_id, error)
        ended = {"status": outcome.status, "ended_at": rows.text(datetime.now(UTC))}
        self._update(_held_since(job_id, started_at), {**ended, "status_details": outcome.status_details})

    def _take(self, job_id: str, started_at: str) -> dict[str, Any] | None:
        changed = self._query(
            "Claim",
            where={"id": {"_eq": job_id}, "status": {"_in": list(WAITING)}},
            set={"status": "IN_PROGRESS", "started_at": started_at},
        )[f"update_{self._job_root}"]
        if changed["affected_rows"] == 1:
            row: dict[str, Any] = changed["returning"][0]
            return row
        found = self._query("Claimed", where=_held_since(job_id, started_at))[self._job_root]
        return found[0] if found else None

    def _held(self, claim: Claim) -> None:
        if not self._exists(self.held(claim)):
            raise lost(claim)

    def _job_fence(self, claim: Claim) -> dict[str, Any]:
        return {"job": self.held(claim)} if self._assets_know_job else {}

    def _already(self, claim: Claim, status: str, status_details: str | None) -> None:
        """Accept a repeated outcome; anything else means that the claim is lost."""
        by_claim = {
            "id": {"_eq": claim.job.id},
            "started_at": {"_eq": _started(claim)},
            "status": {"_eq": status},
            "status_details": {"_is_null": True} if status_details is None else {"_eq": status_details},
        }
        if not self._exists(by_claim):
            raise lost(claim)

    def _styles(self, claim: Claim) -> list[str]:
        """The styles of the assets that this job has uploaded."""
        found = self._query("Assets", job_id=claim.job.id)["create_asset"]
        styles = {row["style_id"] for row in found if row["status"] == "UPLOADED"}
        return sorted(style for style in styles if style is not None)

    def _exists(self, where: Mapping[str, Any]) -> bool:
        return bool(self._query("HeldRow", where=where)[self._job_root])

    def _update(self, where: Mapping[str, Any], changes: Mapping[str, Any]) -> bool:
        return bool(self._query("UpdateJob", where=where, set=changes)[f"update_{self._job_root}"]["affected_rows"])

    def _query(self, name: str, **variables: Any) -> dict[str, Any]:
        return self._connection.execute(self._requests[name], storable(variables))


def refuse_unrecorded(*, status: JobStatus | None, worker: str | None) -> None:
    """Refuse filters of a list of jobs that today's tables cannot answer.

    Raises
    ------
    InvalidInput: with each of them.
    """
    problems = []
    if status == "CANCELED":
        reason = f"today's tables have no status CANCELED; a canceled job is COMPLETED_ERRORS with {_CANCELED!r}"
        problems.append(Problem("/status", reason))
    if worker is not None:
        reason = "today's tables do not record the worker; `openjd-vs platform migrate` adds it"
        problems.append(Problem("/worker", reason))
    if problems:
        raise InvalidInput("list of jobs", problems)


def _held_since(job_id: str, started_at: str) -> dict[str, Any]:
    """The condition that a job's row meets while the claim made at this moment holds it."""
    return {"id": {"_eq": job_id}, "status": {"_eq": "IN_PROGRESS"}, "started_at": {"_eq": started_at}}


def _started(claim: Claim) -> str:
    started_at = claim.job.started_at
    assert started_at is not None
    return rows.text(started_at)
