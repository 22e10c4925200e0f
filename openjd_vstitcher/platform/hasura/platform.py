"""The platform behind Hasura: extended by this project's migrations, or with today's tables only."""

from __future__ import annotations

import logging
import re
import threading
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from ...config import PlatformConfig
from ...documents.data import TOO_DEEP
from ...errors import NotFound, PlatformError, Unreadable
from ...journal import Entry
from ..values import Asset, Beat, Changes, Claim, ClaimState, Job, JobPlace, JobStatus, NewAsset, NewJob, Outcome
from . import rows
from .changes import ChangeLog
from .connection import Connection
from .extended import ExtendedWork
from .legacy import LegacyWork, refuse_unrecorded
from .live_query import LiveQuery, Rows
from .queries import requests
from .refusal import RequestRefused
from .schema import RESULTS, look
from .waiting import ClaimWatch, watch_jobs

_log = logging.getLogger(__name__)


class _Work(Protocol):
    def claim(self, worker: str, job_types: Sequence[str], *, lease_s: float, job_id: str | None) -> Claim | None: ...
    def heartbeat(
        self, claim: Claim, *, lease_s: float, progress: float | None, status_details: str | None
    ) -> Beat: ...
    def waiting(self, job_types: Sequence[str]) -> dict[str, Any]: ...
    def held(self, claim: Claim) -> dict[str, Any]: ...
    def finish(self, claim: Claim, outcome: Outcome) -> None: ...
    def requeue_expired(self) -> Sequence[str]: ...
    def record(self, claim: Claim, entries: Sequence[Entry]) -> None: ...
    def events(self, job_id: str) -> Sequence[Entry]: ...
    def steer(self, what: str, job_id: str, *, done: Mapping[str, Any] | None) -> bool: ...
    def begin_asset(self, claim: Claim, asset: NewAsset) -> str: ...
    def asset_uploaded(self, claim: Claim, asset_id: str, details: Mapping[str, Any]) -> None: ...


class HasuraPlatform:
    """Queue and catalogue behind a Hasura endpoint. Safe to share between threads.

    Parameters
    ----------
    config: endpoint, credential, role and table of jobs.

    Raises
    ------
    ConfigError: the configuration is not usable.
    PlatformError: the endpoint cannot be reached, or has no table of jobs that the role may see.
    """

    def __init__(self, config: PlatformConfig) -> None:
        self._endpoint = config.endpoint
        self._job_root = _root_of(config.job_table)
        self._poll_s = config.poll_s
        self._jobs_watches: dict[tuple[str, ...], LiveQuery] = {}
        self._claim_watches: dict[tuple[str, int, str], ClaimWatch] = {}
        self._claim_watches_lock = threading.Lock()
        self._connection = Connection(config)
        try:
            self.found = look(self._connection, self._job_root)
        except BaseException:
            self._connection.close()
            raise
        _log.info("the platform is %s", self.describe())
        self._requests = {
            **requests("serving", job_root=self._job_root),
            **requests(self.found.kind, job_root=self._job_root, without=self.found.hidden),
        }
        without = (*self.found.hidden, "details")
        self._bare_requests = requests(self.found.kind, job_root=self._job_root, without=without)
        self._changes = ChangeLog(
            self._connection,
            self._requests,
            self._jobs,
            job_root=self._job_root,
            has_events=self.found.kind == "extended",
        )
        self._work: _Work = (
            ExtendedWork(self._connection, self._requests, keeps_results=set(RESULTS).isdisjoint(self.found.hidden))
            if self.found.kind == "extended"
            else LegacyWork(
                self._connection, self._requests, job_root=self._job_root, assets_know_job=self.found.assets_know_job
            )
        )

    def describe(self) -> str:
        """The kind of the platform, its address, and what the role may not do."""
        return f"Hasura at {self._endpoint}, {self.found}"

    def close(self) -> None:
        """Close the connection and its subscriptions."""
        self._connection.close()

    def claim(
        self, worker: str, job_types: Sequence[str], *, lease_s: float, job_id: str | None = None
    ) -> Claim | None:
        """Take the next job of these types, or this one."""
        if job_id is not None and not _is_uuid(job_id):
            return None
        return self._work.claim(worker, job_types, lease_s=lease_s, job_id=job_id)

    def heartbeat(
        self, claim: Claim, *, lease_s: float, progress: float | None = None, status_details: str | None = None
    ) -> Beat:
        """Renew the lease and report the progress (in percent)."""
        return self._work.heartbeat(claim, lease_s=lease_s, progress=progress, status_details=status_details)

    def claim_state(self, claim: Claim, *, timeout_s: float) -> ClaimState:
        """Wait until the claim is canceled or lost, or the time is over; return its state then."""
        with self._claim_watches_lock:
            watch = self._claim_watches.get(_key(claim)) or self._watch_claim(claim)
            self._claim_watches[_key(claim)] = watch
        state = watch.state(timeout_s)
        if state == "lost":
            self._stop_watching(claim)
        return state

    def finish(self, claim: Claim, outcome: Outcome) -> None:
        """End the attempt and hide the older assets of its styles, in one transaction."""
        self._work.finish(claim, outcome)
        self._stop_watching(claim)

    def requeue_expired(self) -> Sequence[str]:
        """Make jobs with an expired lease claimable again; one that has crashed too often is put on hold."""
        return self._work.requeue_expired()

    def wait_for_jobs(self, job_types: Sequence[str], *, timeout_s: float) -> bool:
        """Wait until a job of these types may be waiting; False if the time is over first."""
        types = tuple(job_types)
        if types not in self._jobs_watches:
            where = self._work.waiting(types)
            self._jobs_watches[types] = watch_jobs(
                self._connection, self._requests["Waiting"], where, root=self._job_root, poll_s=self._poll_s
            )
        return self._jobs_watches[types].wait(timeout_s)

    def record(self, claim: Claim, entries: Sequence[Entry]) -> None:
        """Store events of the attempt's journal with the job."""
        self._work.record(claim, entries)

    def events(self, job_id: str) -> Sequence[Entry]:
        """The history of a job, oldest first."""
        self.job(job_id)
        return self._work.events(job_id)

    def submit(self, job: NewJob) -> Job:
        """Add a job to the queue."""
        job_id = job.id or str(uuid.uuid4())
        values: dict[str, Any] = {
            "id": job_id,
            "type": job.type,
            "preset_key": job.preset_key,
            "details": dict(job.details),
            "priority": job.priority,
            "status": job.status,
        }
        if job.requestor_id is not None:
            values["requestor_id"] = job.requestor_id
        try:
            row = self._query("Submit", job=values)[f"insert_{self._job_root}_one"]
        except RequestRefused as error:
            if job.id is None and error.code == "constraint-violation":
                return self._submitted(job_id, error)
            raise
        return rows.job(row)

    def job(self, job_id: str) -> Job:
        """One job, by its id."""
        found = self._jobs({"id": {"_eq": job_id}}, 1) if _is_uuid(job_id) else None
        if not found:
            raise NotFound(f"there is no job {job_id}")
        return found[0]

    def jobs(
        self,
        *,
        status: JobStatus | None = None,
        type: str | None = None,
        preset_key: str | None = None,
        worker: str | None = None,
        id_range: tuple[str, str] | None = None,
        search: str | None = None,
        after: JobPlace | None = None,
        limit: int = 100,
    ) -> Sequence[Job]:
        """Jobs that match every given filter, the newest first."""
        given = {"status": status, "type": type, "preset_key": preset_key, "worker": worker}
        if self.found.kind == "legacy":
            refuse_unrecorded(status=status, worker=worker)
        where: dict[str, Any] = {name: {"_eq": value} for name, value in given.items() if value is not None}
        if id_range is not None:
            where["id"] = {"_gte": id_range[0], "_lte": id_range[1]}
        both = [_matching(search, self.found.hidden)] if search else []
        both += [_behind(after)] if after else []
        return self._jobs({**where, "_and": both}, limit)

    def changes(self, after: str | None, *, timeout_s: float) -> Changes:
        """Wait until something has changed since a cursor, or the time is over; return what changed."""
        return self._changes.wait(after, timeout_s)

    def request_cancel(self, job_id: str) -> Job:
        """Cancel a waiting job immediately, or ask the worker of a running one to cancel it."""
        return self._steer("cancel", job_id)

    def retry(self, job_id: str, *, done: Mapping[str, Any] | None = None) -> Job:
        """Put an ended job back into the queue and reset its retries, returns and crashes."""
        return self._steer("retry", job_id, done=done)

    def hold(self, job_id: str) -> Job:
        """Put a waiting job on hold, so that it is not claimed."""
        return self._steer("hold", job_id)

    def release(self, job_id: str) -> Job:
        """Put a job on hold back into the queue and reset its returns and crashes."""
        return self._steer("release", job_id)

    def set_priority(self, job_id: str, priority: int) -> Job:
        """Change the priority of a job."""
        self.job(job_id)
        self._query("SetPriority", where={"id": {"_eq": job_id}}, priority=priority)
        return self.job(job_id)

    def delete(self, job_id: str) -> None:
        """Remove a job that is not running, with its events and the rows of its assets."""
        idle = {"status": {"_neq": "IN_PROGRESS"}}
        if self.job(job_id).status != "IN_PROGRESS":
            of_job = {"job_id": {"_eq": job_id}, **({"job": idle} if self.found.assets_know_job else {})}
            answer = self._query("Delete", assets=of_job, where={"id": {"_eq": job_id}, **idle})
            if answer[f"delete_{self._job_root}"]["affected_rows"]:
                return
        raise PlatformError(f"cannot delete job {job_id}: it is IN_PROGRESS; cancel it first")

    def preset(self, key: str) -> Mapping[str, Any]:
        """One preset row: key, name, version, description, job_type, details."""
        row = self._query("Preset", key=key)["platform_job_preset_by_pk"]
        if row is None:
            raise NotFound(f"there is no preset {key}")
        return rows.preset(row)

    def presets(self) -> Sequence[Mapping[str, Any]]:
        """All preset rows, by key."""
        return [rows.preset(row) for row in self._query("Presets")["platform_job_preset"]]

    def put_preset(self, preset: Mapping[str, Any]) -> None:
        """Insert or replace a preset row."""
        values = {
            "key": preset["key"],
            "name": preset.get("name") or preset["key"],
            "version": preset.get("version") or 0,
            "description": preset.get("description"),
            "details": preset["details"],
        }
        if self.found.kind == "extended":
            values["job_type"] = preset.get("job_type")
        self._query("PutPreset", preset=values)

    def delete_preset(self, key: str) -> None:
        """Remove a preset row."""
        if self._query("DeletePreset", key=key)["delete_platform_job_preset_by_pk"] is None:
            raise NotFound(f"there is no preset {key}")

    def begin_asset(self, claim: Claim, asset: NewAsset) -> str:
        """Register an asset as `IN_PROGRESS` and return its id; an asset of the same name and job keeps its id."""
        return self._work.begin_asset(claim, asset)

    def asset_uploaded(self, claim: Claim, asset_id: str, details: Mapping[str, Any]) -> None:
        """Mark an asset as `UPLOADED` and merge the details into its own."""
        self._work.asset_uploaded(claim, asset_id, details)

    def assets(self, job_id: str) -> Sequence[Asset]:
        """The assets of a job, by name."""
        return [rows.asset(row) for row in self._query("Assets", job_id=job_id)["create_asset"]]

    def asset_types(self) -> Collection[str] | None:
        """The types that an asset may have; None if the role may not see them."""
        if not self.found.asset_types:
            return None
        return {row["value"] for row in self._query("AssetTypes")["create_asset_type"]}

    def _watch_claim(self, claim: Claim) -> ClaimWatch:
        self._connection.worker = claim.worker
        variables = {"where": self._work.held(claim)}

        def look(limit_s: float) -> Rows:
            answer = self._connection.execute(self._requests["HeldRow"], variables, limit_s=limit_s)
            rows: Rows = answer[self._job_root]
            return rows

        live = LiveQuery(
            self._connection,
            self._requests["Held"],
            variables,
            root=self._job_root,
            poll_s=self._poll_s,
            subject=f"the claim of job {claim.job.id}",
        )
        return ClaimWatch(live, look)

    def _stop_watching(self, claim: Claim) -> None:
        with self._claim_watches_lock:
            watch = self._claim_watches.pop(_key(claim), None)
        if watch is not None:
            watch.stop()

    def _query(self, name: str, **variables: Any) -> dict[str, Any]:
        return self._connection.execute(self._requests[name], variables)

    def _jobs(self, where: Mapping[str, Any], limit: int) -> list[Job]:
        """Jobs for people, the newest first.

        One whose data is nested too deeply for JSON to be read spoils the whole answer. It is found by halves.
        """
        try:
            return [rows.job(row).readable() for row in self._query("Jobs", where=where, limit=limit)[self._job_root]]
        except Unreadable:
            variables = {"where": where, "limit": limit}
            bare = self._connection.execute(self._bare_requests["Jobs"], variables)[self._job_root]
        if len(bare) == 1:
            return [rows.job(bare[0]).without_details(TOO_DEEP)]
        middle, ids = len(bare) // 2, [row["id"] for row in bare]
        halves = (half for half in (ids[:middle], ids[middle:]) if half)
        return [job for half in halves for job in self._jobs({"id": {"_in": half}}, len(half))]

    def _steer(self, what: str, job_id: str, *, done: Mapping[str, Any] | None = None) -> Job:
        if not _is_uuid(job_id) or not self._work.steer(what, job_id, done=done):
            raise PlatformError(f"cannot {what} job {job_id}: it is {self.job(job_id).status}, or not yours")
        return self.job(job_id)

    def _submitted(self, job_id: str, error: RequestRefused) -> Job:
        """The job that an earlier try of the same request added, if its answer was lost."""
        try:
            return self.job(job_id)
        except NotFound:
            raise error from None


def _key(claim: Claim) -> tuple[str, int, str]:
    return claim.job.id, claim.attempt, claim.worker


def _matching(search: str, hidden: Collection[str]) -> dict[str, Any]:
    """The condition that a job's row meets if a search finds it."""
    pattern = "%" + re.sub(r"([%_\\])", r"\\\1", search) + "%"
    texts = [name for name in ("preset_key", "status_details", "requestor_id") if name not in hidden]
    ids = [{"details": {"_contains": {name: search}}} for name in ("style_id", "body_id", "body_code")]
    own = [{"id": {"_eq": search}}] if _is_uuid(search) else []
    return {"_or": [*({name: {"_ilike": pattern}} for name in texts), *ids, *own]}


def _behind(place: JobPlace) -> dict[str, Any]:
    """The condition that a job's row meets if it comes behind a place in the list of jobs."""
    time = rows.text(place[0])
    same = {"created_at": {"_eq": time}, "id": {"_gt": place[1]}}
    return {"_or": [{"created_at": {"_lt": time}}, same]}


def _root_of(table: str) -> str:
    schema, _, name = table.partition(".")
    return name if schema == "public" else f"{schema}_{name}"


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
