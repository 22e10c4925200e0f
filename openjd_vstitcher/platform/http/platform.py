"""The platform behind another machine's HTTP API: a worker needs no access to its database."""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec

from ...config import PlatformConfig
from ...errors import NotFound, PlatformError
from ...journal import Entry
from ..storable import storable
from ..values import Asset, Beat, Changes, Claim, ClaimState, Job, JobPlace, JobStatus, NewAsset, NewJob, Outcome
from . import wire
from .connection import Connection

_SLICE_S = 20.0
"""How long one request waits at the server."""
_PAUSE_S = 1.0


class HttpPlatform:
    """Queue and catalogue behind the HTTP API. Safe to share between threads.

    Parameters
    ----------
    config: endpoint and credential, which is an API key with the scope `runner`.

    Raises
    ------
    PlatformError: the server cannot be reached, or refuses the key.
    """

    def __init__(self, config: PlatformConfig) -> None:
        self._connection = Connection(config)
        self._endpoint = config.endpoint
        self._server = str(self._connection.call("describe"))

    def describe(self) -> str:
        """The address of the server, and the platform behind it."""
        return f"the HTTP API at {self._endpoint}, which works on {self._server}"

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def claim(
        self, worker: str, job_types: Sequence[str], *, lease_s: float, job_id: str | None = None
    ) -> Claim | None:
        """Take the next job of these types, or this one."""
        return wire.claim(self._call("claim", worker=worker, job_types=list(job_types), lease_s=lease_s, job_id=job_id))

    def heartbeat(
        self, claim: Claim, *, lease_s: float, progress: float | None = None, status_details: str | None = None
    ) -> Beat:
        """Renew the lease and report the progress (in percent)."""
        answer = self._fenced("heartbeat", claim, lease_s=lease_s, progress=progress, status_details=status_details)
        return msgspec.convert(answer, Beat)

    def claim_state(self, claim: Claim, *, timeout_s: float) -> ClaimState:
        """Wait until the claim is canceled or lost, or the time is over; return its state then."""
        for wait_s in _slices(timeout_s):
            try:
                state: ClaimState = self._fenced("claim_state", claim, limit_s=0, timeout_s=wait_s)
            except PlatformError:
                time.sleep(min(_PAUSE_S, wait_s))
            else:
                if state != "held":
                    return state
        return "held"

    def finish(self, claim: Claim, outcome: Outcome) -> None:
        """End the attempt."""
        self._fenced("finish", claim, outcome=wire.plain(outcome))

    def requeue_expired(self) -> Sequence[str]:
        """Make jobs with an expired lease claimable again; one that has crashed too often is put on hold."""
        return list(self._call("requeue_expired"))

    def wait_for_jobs(self, job_types: Sequence[str], *, timeout_s: float) -> bool:
        """Wait until a job of these types may be waiting; False if the time is over first."""
        types = list(job_types)
        return any(self._call("wait_for_jobs", job_types=types, timeout_s=wait_s) for wait_s in _slices(timeout_s))

    def record(self, claim: Claim, entries: Sequence[Entry]) -> None:
        """Keep events of the attempt's journal with the job."""
        self._fenced("record", claim, entries=wire.plain(list(entries)))

    def events(self, job_id: str) -> Sequence[Entry]:
        """The history of a job, oldest first."""
        return wire.entries(self._call("events", job_id=job_id))

    def submit(self, job: NewJob) -> Job:
        """Add a job to the queue. A request that is repeated after a lost answer adds it once."""
        named = replace(job, id=job.id or str(uuid.uuid4()))
        try:
            return wire.job(self._call("submit", job=wire.plain(named)))
        except PlatformError:
            if job.id is None:
                with suppress(NotFound):
                    return self.job(str(named.id))
            raise

    def job(self, job_id: str) -> Job:
        """One job, by its id."""
        return wire.job(self._call("job", job_id=job_id))

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
        filters: dict[str, Any] = {
            "status": status,
            "type": type,
            "preset_key": preset_key,
            "of_worker": worker,
            "id_range": id_range,
            "search": search,
        }
        return [wire.job(row) for row in self._call("jobs", **filters, after=after, limit=limit)]

    def changes(self, after: str | None, *, timeout_s: float) -> Changes:
        """Wait until something has changed since a cursor, or the time is over; return what changed."""
        for wait_s in _slices(timeout_s):
            found = wire.changes(self._call("changes", after=after, timeout_s=wait_s))
            if found.cursor != after:
                break
        return found

    def request_cancel(self, job_id: str) -> Job:
        """Cancel a waiting job immediately, or ask the worker of a running one to cancel it."""
        return wire.job(self._call("request_cancel", job_id=job_id))

    def retry(self, job_id: str, *, done: Mapping[str, Any] | None = None) -> Job:
        """Put an ended job back into the queue and reset its retries, returns, crashes and result."""
        return wire.job(self._call("retry", job_id=job_id, done=done))

    def hold(self, job_id: str) -> Job:
        """Put a waiting job on hold, so that it is not claimed."""
        return wire.job(self._call("hold", job_id=job_id))

    def release(self, job_id: str) -> Job:
        """Put a job on hold back into the queue and reset its returns and crashes."""
        return wire.job(self._call("release", job_id=job_id))

    def set_priority(self, job_id: str, priority: int) -> Job:
        """Change the priority of a job."""
        return wire.job(self._call("set_priority", job_id=job_id, priority=priority))

    def delete(self, job_id: str) -> None:
        """Remove a job that is not running, with its events and the rows of its assets."""
        self._call("delete", job_id=job_id)

    def preset(self, key: str) -> Mapping[str, Any]:
        """One preset row: key, name, version, description, job_type, details."""
        row: Mapping[str, Any] = self._call("preset", key=key)
        return row

    def presets(self) -> Sequence[Mapping[str, Any]]:
        """All preset rows, by key."""
        return list(self._call("presets"))

    def put_preset(self, preset: Mapping[str, Any]) -> None:
        """Insert or replace a preset row."""
        self._call("put_preset", preset=preset)

    def delete_preset(self, key: str) -> None:
        """Remove a preset row."""
        self._call("delete_preset", key=key)

    def begin_asset(self, claim: Claim, asset: NewAsset) -> str:
        """Register an asset as `IN_PROGRESS` and return its id; an asset of the same name and job keeps its id."""
        return str(self._fenced("begin_asset", claim, asset=wire.plain(asset)))

    def asset_uploaded(self, claim: Claim, asset_id: str, details: Mapping[str, Any]) -> None:
        """Mark an asset as `UPLOADED` and merge the details into its own."""
        self._fenced("asset_uploaded", claim, asset_id=asset_id, details=dict(details))

    def asset_types(self) -> Collection[str] | None:
        """The types that an asset may have; None if the platform does not say."""
        found = self._call("asset_types")
        return None if found is None else set(found)

    def assets(self, job_id: str) -> Sequence[Asset]:
        """The assets of a job, by name."""
        return msgspec.convert(self._call("assets", job_id=job_id), list[Asset])

    def _fenced(self, name: str, claim: Claim, *, limit_s: float | None = None, **arguments: Any) -> Any:
        return self._call(name, limit_s=limit_s, held=wire.held(claim), worker=claim.worker, **arguments)

    def _call(self, name: str, *, limit_s: float | None = None, **arguments: Any) -> Any:
        return self._connection.call(name, limit_s=limit_s, **storable(arguments))


def _slices(timeout_s: float) -> Iterator[float]:
    """How long each request waits at the server until the time is over. There is at least one."""
    deadline = time.monotonic() + timeout_s
    while True:
        yield max(0.0, min(_SLICE_S, deadline - time.monotonic()))
        if time.monotonic() >= deadline:
            return
