"""The job queue and the asset catalogue. The ports; `embedded` (SQLite) and `hasura` are their adapters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from ..config import PlatformConfig
from ..errors import ConfigError
from ..journal import Event

JobStatus = Literal[
    "NEW", "ACKNOWLEDGED", "IN_PROGRESS", "COMPLETED_SUCCESS", "COMPLETED_ERRORS", "ON_HOLD", "CANCELED"
]
AssetStatus = Literal["IN_PROGRESS", "UPLOADED"]

WAITING: tuple[JobStatus, ...] = ("NEW", "ACKNOWLEDGED")
"""The statuses from which a job is claimed."""
ENDED: tuple[JobStatus, ...] = ("COMPLETED_SUCCESS", "COMPLETED_ERRORS", "CANCELED")
"""The statuses that only a person's retry changes."""


@dataclass(frozen=True)
class NewJob:
    """A job to submit; the platform gives what is left out.

    Parameters
    ----------
    type: a job type that the platform knows, such as `BRAND_ONBOARDING`.
    preset_key: the preset to run.
    details: the inputs, as in `schemas/job_details.schema.json`.
    id: a UUID, or None to be given one.
    """

    type: str
    preset_key: str
    details: Mapping[str, Any]
    id: str | None = None
    priority: int = 0
    requestor_id: str | None = None
    status: JobStatus = "NEW"


@dataclass(frozen=True)
class Job:
    """A row of the queue. Times are UTC.

    Parameters
    ----------
    attempt: counts the claims of this job and never goes back; 0 before the first.
    worker: who holds the job, or held it last.
    auto_retries: how often the job went back into the queue without a person asking for it.
    progress: of the running attempt, in percent.
    """

    id: str
    type: str
    preset_key: str
    details: Mapping[str, Any]
    status: JobStatus
    priority: int
    created_at: datetime
    updated_at: datetime
    status_details: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    auto_retries: int = 0
    requestor_id: str | None = None
    attempt: int = 0
    worker: str | None = None
    lease_expires_at: datetime | None = None
    progress: float | None = None
    cancel_requested: bool = False
    errors: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Claim:
    """The right of one worker to run one attempt of a job until its lease ends.

    Every write about a claimed job names it, and raises `ClaimLost` when it holds no more.
    """

    job: Job
    preset: Mapping[str, Any]
    attempt: int
    worker: str
    lease_expires_at: datetime | None


@dataclass(frozen=True)
class Asset:
    """A row of the catalogue: an output of a job."""

    id: str
    job_id: str
    name: str
    type: str
    status: AssetStatus
    path: str
    is_public_facing: bool
    style_id: str | None = None
    body_id: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NewAsset:
    """An output that is about to be uploaded.

    Parameters
    ----------
    name: the output's file name, unique within its job.
    type: an asset type that the platform knows, such as `MEDIA_RENDER`.
    path: the URI at which it will be stored.
    details: content type, size in bytes, sha256 and provenance, as far as known.
    """

    name: str
    type: str
    path: str
    is_public_facing: bool
    style_id: str | None = None
    body_id: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended.

    Parameters
    ----------
    status: the job's new status: `NEW` puts it back in the queue (or cancels it, if that was asked for meanwhile).
    status_details: the reason as text for a reader and for monitors that look for phrases in it.
    errors: each failure as data: export, stage, parameters, message.
    hide_previous_style_assets: whether older assets of the job's style stop being public facing; they stay as they
        are when this job has no uploaded asset.
    uploaded: assets, by id, that become `UPLOADED` together with the outcome, and their details.
    counted: whether going back to `NEW` counts as an automatic retry; a worker that is told to stop gives its jobs
        back uncounted.
    """

    status: Literal["COMPLETED_SUCCESS", "COMPLETED_ERRORS", "CANCELED", "NEW"]
    status_details: str | None = None
    errors: Sequence[Mapping[str, Any]] = ()
    hide_previous_style_assets: bool = False
    uploaded: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    counted: bool = True


@dataclass(frozen=True)
class Beat:
    """What a heartbeat tells the worker: until when the lease holds, and whether to cancel."""

    lease_expires_at: datetime | None
    cancel_requested: bool


class JobQueue(Protocol):
    """The queue as workers and submitters see it. Raises `PlatformError`, `NotFound`, `ClaimLost`."""

    def claim(self, worker: str, job_types: Sequence[str], *, lease_s: float) -> Claim | None:
        """Take the next job of these types, in the platform's order, or None when there is none."""

    def heartbeat(
        self, claim: Claim, *, lease_s: float, progress: float | None = None, status_details: str | None = None
    ) -> Beat:
        """Keep the lease, and tell how far the job is (progress in percent)."""

    def finish(self, claim: Claim, outcome: Outcome) -> None:
        """End the attempt. Repeating the same call is harmless; a later attempt is never overwritten."""

    def requeue_expired(self, *, max_attempts: int) -> Sequence[str]:
        """Make jobs with an expired lease claimable again, or end them with errors after the last attempt.

        Each time counts in `auto_retries`, and `max_attempts` is one more than the retries that a job gets.
        Returns the ids of the jobs that it touched.
        """

    def wait_for_jobs(self, job_types: Sequence[str], *, timeout_s: float) -> bool:
        """Wait until a job of these types may be there to claim; False when the time is over.

        A true answer is worth one `claim`, not a promise. Call it again and again from one thread.
        """

    def record(self, claim: Claim, events: Sequence[Event]) -> None:
        """Keep events of the attempt's journal with the job. Repeating the same events is harmless."""

    def events(self, job_id: str) -> Sequence[Event]:
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
        limit: int = 100,
    ) -> Sequence[Job]:
        """Jobs that fit every filter given, the newest first."""

    def request_cancel(self, job_id: str) -> Job:
        """Cancel a waiting job at once; ask the worker of a running one to cancel it. Idempotent."""

    def retry(self, job_id: str) -> Job:
        """Put an ended job back into the queue, with all its automatic retries before it."""

    def hold(self, job_id: str) -> Job:
        """Keep a waiting job from being claimed."""

    def release(self, job_id: str) -> Job:
        """Let a held job be claimed."""

    def preset(self, key: str) -> Mapping[str, Any]:
        """One preset row: key, name, version, description, job_type (None where not known), details."""

    def presets(self) -> Sequence[Mapping[str, Any]]:
        """All preset rows, by key."""

    def put_preset(self, preset: Mapping[str, Any]) -> None:
        """Insert or replace a preset row."""


class AssetCatalogue(Protocol):
    """The catalogue of outputs. Raises `PlatformError`, `ClaimLost`."""

    def begin_asset(self, claim: Claim, asset: NewAsset) -> str:
        """Insert an asset as `IN_PROGRESS` and return its id; the existing id if the job has one of this name.

        An asset of an earlier attempt becomes `IN_PROGRESS` again, one of this attempt stays as it is.
        """

    def asset_uploaded(self, claim: Claim, asset_id: str, details: Mapping[str, Any]) -> None:
        """Say that the object is whole in storage; the details are merged into the asset's. Idempotent."""

    def assets(self, job_id: str) -> Sequence[Asset]:
        """The assets of a job, by name."""


class Platform(JobQueue, AssetCatalogue, Protocol):
    """Both ports, as one adapter gives them."""

    def describe(self) -> str:
        """What platform this is, where, and what it lacks."""

    def close(self) -> None:
        """Release connections."""


def open_platform(config: PlatformConfig) -> Platform:
    """Connect to the platform that the configuration names.

    Raises
    ------
    ConfigError: the configuration names no platform that there is.
    PlatformError: it cannot be reached, or is not what is needed.
    """
    if config.kind == "embedded":
        from .embedded import EmbeddedPlatform

        return EmbeddedPlatform(config.path)
    if config.kind == "hasura":
        from .hasura import HasuraPlatform

        return HasuraPlatform(config)
    raise ConfigError(f"platform.kind: expected embedded or hasura, found {config.kind!r}")
