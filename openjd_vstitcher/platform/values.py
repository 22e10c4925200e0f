"""Jobs, claims, assets and outcomes: the values that queue and catalogue take and give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from ..events import JobStatus as JobStatus
from ..events import OutcomeStatus

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

    status: OutcomeStatus
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
