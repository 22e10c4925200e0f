"""Jobs, claims, assets and outcomes: what the queue and the catalogue accept and return."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, get_args

from ..errors import ClaimLost, InvalidInput, NotFound, PlatformError, Problem, Unreadable
from ..events import JobStatus as JobStatus
from ..events import OutcomeStatus
from ..journal import Entry

_log = logging.getLogger(__name__)

AssetStatus = Literal["IN_PROGRESS", "UPLOADED"]
ClaimState = Literal["held", "cancel_requested", "lost"]

JOB_STATUSES: tuple[JobStatus, ...] = get_args(JobStatus)
JOB_TIMES = ("created_at", "updated_at", "started_at", "ended_at", "lease_expires_at", "not_before")
"""The fields of a job that hold a time."""
WAITING: tuple[JobStatus, ...] = ("NEW", "ACKNOWLEDGED")
"""The statuses in which a job can be claimed."""
ENDED: tuple[JobStatus, ...] = ("COMPLETED_SUCCESS", "COMPLETED_ERRORS", "CANCELED")
"""The final statuses; only `retry` changes them."""
MOST_CRASHES = 3
"""How often the process of a job may end without an outcome before the job is put on hold (Law 10)."""
NO_DONE = "the platform has no column for what succeeded; `openjd-vs platform migrate` adds it"
"""Why a job cannot be retried without the steps that succeeded."""
MOST_RESULT_BYTES = 1 << 20
"""How large a job's result may be, as JSON."""
_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 900.0


def pause_s(returns: int) -> float:
    """How many seconds a returned job waits before it can be claimed again.

    Parameters
    ----------
    returns: how often it was returned before.
    """
    return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(returns, 10))


def on_hold(reason: str | None, crashes: int, job_id: str) -> str:
    """The status details of a job that is put on hold because its process ended too often without an outcome."""
    return (
        f"{reason or 'no reason is known'}; its process ended {crashes} times without an outcome, "
        f"so the job is on hold; `openjd-vs jobs release {job_id}` puts it back into the queue"
    )


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
    not_before: when the job can be claimed again; None if at once.
    returns: how often it went back into the queue because something was in the way.
    crashes: how often a process ended without an outcome while it held the job.
    result: what the last attempt returned; None if it has none.
    done: what a retry does not run again, see `JobQueue.retry`; None if it runs everything.
    unreadable: why `details` are left out; None if they are not.
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
    not_before: datetime | None = None
    returns: int = 0
    crashes: int = 0
    result: Mapping[str, Any] | None = None
    done: Mapping[str, Any] | None = None
    unreadable: str | None = None

    def readable(self) -> Job:
        """The job for people: without details that are nested too deeply, too large, or not an object."""
        from ..documents import data_problems

        problems = data_problems({"details": self.details})
        if not isinstance(self.details, Mapping):
            problems.append(Problem("/details", f"found a {type(self.details).__name__}; expected an object"))
        return self.without_details(f"{problems[0].message} (at {problems[0].pointer})") if problems else self

    def without_details(self, reason: str) -> Job:
        """The job without its details, which cannot be read."""
        return replace(self, details={}, unreadable=reason)


JobPlace = tuple[datetime, str]
"""The place of a job in a list of jobs: its `created_at` and its id."""


@dataclass(frozen=True)
class Changes:
    """What changed on the platform.

    Parameters
    ----------
    cursor: where to continue. It means something only to the platform that made it.
    jobs: the jobs that are new or changed, as they are now.
    deleted: the ids of jobs that are gone.
    events: what happened to jobs, see `JobQueue.events`.
    """

    cursor: str
    jobs: Sequence[Job] = ()
    deleted: Sequence[str] = ()
    events: Sequence[Entry] = ()


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


def lost(claim: Claim) -> ClaimLost:
    """The error of a write under a claim that no longer holds its job."""
    return ClaimLost(f"worker {claim.worker} no longer holds attempt {claim.attempt} of job {claim.job.id}")


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
    pause: with `NEW`: something was in the way of the attempt, so the job is not claimed again before a pause, which
        grows each time.
    crashed: with `NEW`: the process ended without an outcome. The job pauses too, and is put on hold when this has
        happened `MOST_CRASHES` times.
    result: what the job returned, as JSON data of at most `MOST_RESULT_BYTES`. It is stored together with the status.
    """

    status: OutcomeStatus
    status_details: str | None = None
    errors: Sequence[Mapping[str, Any]] = ()
    hide_previous_style_assets: bool = False
    counted: bool = True
    pause: bool = False
    crashed: bool = False
    result: Mapping[str, Any] | None = None

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


def without_result(outcome: Outcome) -> Outcome:
    """The outcome for a platform that has no place for a result: its details say where the result is."""
    if outcome.result is None:
        return outcome
    note = "the result is in the attempt's journal: the platform has no column for it"
    details = f"{outcome.status_details}; {note}" if outcome.status_details else note
    return replace(outcome, status_details=details, result=None)


def blames_row(error: Exception) -> bool:
    """Whether an error says that a job's row cannot be used; else the machine or the connection is at fault."""
    if isinstance(error, PlatformError):
        return isinstance(error, NotFound | Unreadable)
    return not isinstance(error, MemoryError)


def unusable(job_id: str, error: Exception) -> Outcome:
    """The outcome of a claimed job whose row cannot be turned into a job.

    Raises
    ------
    Exception: the error itself, if it does not blame the row.
    """
    if not blames_row(error):
        raise error
    reason = f"the job's row cannot be used: {str(error) or type(error).__name__}"
    _log.error("job %s ends: %s", job_id, reason)
    return Outcome("COMPLETED_ERRORS", reason, errors=[{"stage": "claim", "message": reason}])


_OUTCOME_FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "status": (lambda value: value in get_args(OutcomeStatus), f"one of {', '.join(get_args(OutcomeStatus))}"),
    "status_details": (lambda value: value is None or isinstance(value, str), "a string or null"),
    "errors": (
        lambda value: isinstance(value, list | tuple) and all(isinstance(each, Mapping) for each in value),
        "a list of objects",
    ),
    "hide_previous_style_assets": (lambda value: isinstance(value, bool), "true or false"),
    "counted": (lambda value: isinstance(value, bool), "true or false"),
    "pause": (lambda value: isinstance(value, bool), "true or false"),
    "crashed": (lambda value: isinstance(value, bool), "true or false"),
    "result": (lambda value: value is None or isinstance(value, Mapping), "an object or null"),
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
