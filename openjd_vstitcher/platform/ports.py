"""The ports: the job queue and the asset catalogue. `embedded` (SQLite) and `hasura` are their adapters."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from ..journal import Entry
from .values import Asset, Beat, Changes, Claim, ClaimState, Job, JobPlace, JobStatus, NewAsset, NewJob, Outcome


class JobQueue(Protocol):
    """The queue as workers and submitters see it. Raises `PlatformError`, `NotFound`, `ClaimLost`."""

    def claim(
        self, worker: str, job_types: Sequence[str], *, lease_s: float, job_id: str | None = None
    ) -> Claim | None:
        """Take the next job of these types; with `job_id` only that one, if it is waiting.

        Order: types descending, then priority descending, then the least recently updated. A job that pauses is passed
        over. None if no job is waiting. A job whose row cannot be used ends with errors, and the next one is taken.
        """

    def heartbeat(
        self, claim: Claim, *, lease_s: float, progress: float | None = None, status_details: str | None = None
    ) -> Beat:
        """Renew the lease and report the progress (in percent). Raises `ClaimLost`."""

    def claim_state(self, claim: Claim, *, timeout_s: float) -> ClaimState:
        """Wait until the claim is canceled or lost, or the time is over; return its state then.

        `cancel_requested` and `lost` are returned at once, on every call; a request is usually heard within a second.
        The claim is `lost` when the job has ended, went back into the queue, or belongs to another worker or attempt.
        A platform that cannot be reached raises nothing: the last known state stands, and the lease decides.
        Without a place for cancel requests, canceling a running job makes its claim `lost`.
        """

    def finish(self, claim: Claim, outcome: Outcome) -> None:
        """End the attempt. Repeating the same call is harmless; a later attempt is never overwritten.

        If the lease has expired, this raises `ClaimLost`, but an outcome that is not `crashed` shows that the process
        did not crash: what the expiry counted is taken back.

        Text that the platform cannot store, such as a NUL, is replaced, here and in every other write about a claim.
        """

    def requeue_expired(self) -> Sequence[str]:
        """Make jobs with an expired lease claimable again; one that has crashed `MOST_CRASHES` times is put on hold.

        An expired lease counts as a crash until the attempt reports an outcome to `finish`: the process that held it
        seems to be gone. Returns the ids of the changed jobs.
        """

    def wait_for_jobs(self, job_types: Sequence[str], *, timeout_s: float) -> bool:
        """Wait until a job of these types may be waiting; False if the time is over first.

        True is a hint, not a promise: try one `claim`. Call it repeatedly, from one thread.
        """

    def record(self, claim: Claim, entries: Sequence[Entry]) -> None:
        """Keep events of the attempt's journal with the job. Repeating the same events is harmless."""

    def events(self, job_id: str) -> Sequence[Entry]:
        """What happened to a job, oldest first: changes of its status (seq 0) and what was recorded."""

    def submit(self, job: NewJob) -> Job:
        """Add a job to the queue."""

    def job(self, job_id: str) -> Job:
        """One job, by its id."""

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
        """Jobs that match every given filter, the newest first, then by id; `id_range` has the lowest and highest id.

        `search` finds text in the preset's key, the status details and the requestor, and whole ids of a job, style
        or body. `after` leaves out the jobs up to and including this place in the order. Raises `InvalidInput` for a
        filter by something that the platform does not record.
        """

    def changes(self, after: str | None, *, timeout_s: float) -> Changes:
        """Wait until something has changed since a cursor, or the time is over; return what changed.

        None stands for now: the answer has the cursor and nothing else. Every change is returned at least once; one
        that was returned before may come again. A long list comes in parts: call it again until the cursor stays.
        Raises `InvalidInput` for a cursor of another platform.
        """

    def request_cancel(self, job_id: str) -> Job:
        """Cancel a waiting job immediately, or ask the worker of a running one to cancel it. Idempotent."""

    def retry(self, job_id: str, *, done: Mapping[str, Any] | None = None) -> Job:
        """Put an ended job back into the queue and reset its retries, returns, crashes and result.

        Parameters
        ----------
        done: the steps that succeeded and are not run again: `template_sha256`, and the names of its `steps`. Raises
            `PlatformError` if the platform cannot keep them.
        """

    def hold(self, job_id: str) -> Job:
        """Put a waiting job on hold, so that it is not claimed."""

    def release(self, job_id: str) -> Job:
        """Put a job on hold back into the queue and reset its returns and crashes."""

    def set_priority(self, job_id: str, priority: int) -> Job:
        """Change the priority of a job; it counts from the next claim on."""

    def delete(self, job_id: str) -> None:
        """Remove a job that is not running, with its events and the rows of its assets. Stored objects stay."""

    def preset(self, key: str) -> Mapping[str, Any]:
        """One preset row: key, name, version, description, job_type (None if unknown), details."""

    def presets(self) -> Sequence[Mapping[str, Any]]:
        """All preset rows, by key."""

    def put_preset(self, preset: Mapping[str, Any]) -> None:
        """Insert or replace a preset row."""

    def delete_preset(self, key: str) -> None:
        """Remove a preset row. Raises `PlatformError` if a job names it."""


class AssetCatalogue(Protocol):
    """The catalogue of outputs. Raises `PlatformError`, `ClaimLost`."""

    def begin_asset(self, claim: Claim, asset: NewAsset) -> str:
        """Register an asset as `IN_PROGRESS` and return its id; an asset of the same name and job keeps its id.

        Call it right before each write of the asset's object: it checks the claim, and an asset that is written again
        becomes `IN_PROGRESS` again, with these details in place of the old ones. Idempotent.
        """

    def asset_uploaded(self, claim: Claim, asset_id: str, details: Mapping[str, Any]) -> None:
        """Mark an asset as `UPLOADED`, because its object in storage is complete. Idempotent.

        The details are merged into those of the asset.
        """

    def asset_types(self) -> Collection[str] | None:
        """The types that an asset may have; None if the platform does not say."""

    def assets(self, job_id: str) -> Sequence[Asset]:
        """The assets of a job, by name."""


class Platform(JobQueue, AssetCatalogue, Protocol):
    """Both ports; every adapter implements them together."""

    def describe(self) -> str:
        """The kind of the platform, its address, and what it does not support."""

    def close(self) -> None:
        """Release connections."""
