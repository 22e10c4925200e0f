"""Jobs, claims, assets and outcomes: what the queue and the catalogue accept and return."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from ..errors import InvalidInput, Problem
from ..events import JobStatus as JobStatus
from ..events import OutcomeStatus

AssetStatus = Literal["IN_PROGRESS", "UPLOADED"]
ClaimState = Literal["held", "cancel_requested", "lost"]

JOB_STATUSES: tuple[JobStatus, ...] = get_args(JobStatus)
JOB_TIMES = ("created_at", "updated_at", "started_at", "ended_at", "lease_expires_at")
"""The fields of a job that hold a time."""
WAITING: tuple[JobStatus, ...] = ("NEW", "ACKNOWLEDGED")
"""The statuses in which a job can be claimed."""
ENDED: tuple[JobStatus, ...] = ("COMPLETED_SUCCESS", "COMPLETED_ERRORS", "CANCELED")
"""The final statuses; only `retry` changes them."""


@dataclass(frozen=True)
class NewJob:
    """A job to submit; the platform fills in what is omitted.

    Parameters
    ----------
    type: a job type that the platform knows, such as `BRAND_ONBOARDING`.
    preset_key: the preset to run.
    details: the inputs, as in `schemas/job_details.schema.json`.
    id: a UUID; None to let the platform choose one.
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
    worker: the worker that holds the job, or the last one that held it.
    auto_retries: how often the job was requeued without a person asking for it.
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

    Every write about a claimed job names its claim, and raises `ClaimLost` if the claim no longer holds the job.
    `lease_expires_at` is None on a platform without leases.
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
    status: the job's new status: `NEW` puts it back in the queue (or cancels it if a cancel was requested meanwhile).
    status_details: the reason, for people and for monitors that search it for phrases.
    errors: each failure as data: export, stage, parameters, message.
    hide_previous_style_assets: whether older assets of the job's style stop being public facing; they do not change
        if this job has no uploaded asset.
    counted: whether going back to `NEW` counts as an automatic retry; a worker that stops returns its jobs
        uncounted.
    """

    status: OutcomeStatus
    status_details: str | None = None
    errors: Sequence[Mapping[str, Any]] = ()
    hide_previous_style_assets: bool = False
    counted: bool = True

    @classmethod
    def of(cls, data: Any) -> Outcome:
        """Read an outcome from JSON data, which another release may have written: unknown fields are ignored.

        Raises
        ------
        InvalidInput: with every field that cannot be used.
        """
        if not isinstance(data, Mapping):
            raise InvalidInput("outcome", [Problem("", f"found {type(data).__name__}; expected an object")])
        problems = [
            Problem(f"/{name}", f"found {data.get(name)!r}; expected {expected}")
            for name, (valid, expected) in _OUTCOME_FIELDS.items()
            if (name in data or name == "status") and not valid(data.get(name))
        ]
        if problems:
            raise InvalidInput("outcome", problems)
        return cls(**{name: data[name] for name in _OUTCOME_FIELDS if name in data})


_OUTCOME_FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "status": (lambda value: value in get_args(OutcomeStatus), f"one of {', '.join(get_args(OutcomeStatus))}"),
    "status_details": (lambda value: value is None or isinstance(value, str), "a string or null"),
    "errors": (
        lambda value: isinstance(value, list | tuple) and all(isinstance(each, Mapping) for each in value),
        "a list of objects",
    ),
    "hide_previous_style_assets": (lambda value: isinstance(value, bool), "true or false"),
    "counted": (lambda value: isinstance(value, bool), "true or false"),
}


@dataclass(frozen=True)
class Beat:
    """The answer to a heartbeat.

    Parameters
    ----------
    lease_expires_at: None on a platform without leases.
    cancel_requested: whether the attempt should cancel the job.
    """

    lease_expires_at: datetime | None
    cancel_requested: bool
