"""The platform behind Hasura: extended by this project's migrations, or with today's tables only."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from ...config import PlatformConfig
from ...errors import NotFound, PlatformError
from ...journal import Entry
from ..values import Asset, Beat, Claim, ClaimState, Job, JobStatus, NewAsset, NewJob, Outcome
from . import rows
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
    def claim(self, worker: str, job_types: Sequence[str], *, lease_s: float) -> Claim | None: ...
    def heartbeat(
        self, claim: Claim, *, lease_s: float, progress: float | None, status_details: str | None
    ) -> Beat: ...
    def waiting(self, job_types: Sequence[str]) -> dict[str, Any]: ...
    def held(self, claim: Claim) -> dict[str, Any]: ...
    def finish(self, claim: Claim, outcome: Outcome) -> None: ...
    def requeue_expired(self) -> Sequence[str]: ...
    def record(self, claim: Claim, entries: Sequence[Entry]) -> None: ...
    def events(self, job_id: str) -> Sequence[Entry]: ...
    def steer(self, what: str, job_id: str, *, done: Mapping[str, Any] | None) -> Job | None: ...
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
        self._requests = requests(f"{self.found.kind}.graphql", job_root=self._job_root, without=self.found.hidden)
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

    def claim(self, worker: str, job_types: Sequence[str], *, lease_s: float) -> Claim | None:
        """Take the next job of these types."""
        return self._work.claim(worker, job_types, lease_s=lease_s)

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
        row = self._query("Job", id=job_id)[f"{self._job_root}_by_pk"] if _is_uuid(job_id) else None
        if row is None:
            raise NotFound(f"there is no job {job_id}")
        return rows.job(row)

    def jobs(
        self,
        *,
        status: JobStatus | None = None,
        type: str | None = None,
        preset_key: str | None = None,
        worker: str | None = None,
        limit: int = 100,
    ) -> Sequence[Job]:
        """Jobs that match every given filter, the newest first."""
        given = {"status": status, "type": type, "preset_key": preset_key, "worker": worker}
        if self.found.kind == "legacy":
            refuse_unrecorded(status=status, worker=worker)
        where = {name: {"_eq": value} for name, value in given.items() if value is not None}
        return [rows.job(row) for row in self._query("Jobs", where=where, limit=limit)[self._job_root]]

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

    def _steer(self, what: str, job_id: str, *, done: Mapping[str, Any] | None = None) -> Job:
        job = self._work.steer(what, job_id, done=done) if _is_uuid(job_id) else None
        if job is None:
            raise PlatformError(f"cannot {what} job {job_id}: it is {self.job(job_id).status}, or not yours")
        return job

    def _submitted(self, job_id: str, error: RequestRefused) -> Job:
        """The job that an earlier try of the same request added, if its answer was lost."""
        try:
            return self.job(job_id)
        except NotFound:
            raise error from None


def _key(claim: Claim) -> tuple[str, int, str]:
    return claim.job.id, claim.attempt, claim.worker


def _root_of(table: str) -> str:
    schema, _, name = table.partition(".")
    return name if schema == "public" else f"{schema}_{name}"


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
