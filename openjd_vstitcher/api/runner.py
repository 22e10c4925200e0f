"""The side of runners: they find, claim and run jobs over HTTP alone.

The verbs are those of the tools that this replaces. Beyond these, a claim has an attempt and a lease, and every later
call is refused once they are lost.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from .. import events
from ..journal import Entry
from ..platform.values import WAITING, Beat, Claim, Job, Outcome
from .access import LOCAL, Caller, needs
from .answers import answer
from .models import Object, Text
from .service import Service, Serving
from .tasks import TaskId

router = APIRouter(prefix="/api/runner", tags=["runner"], dependencies=[needs("runner")])

_MOST_AVAILABLE = 100
_MOST_CONSOLE = 8000
_MOST_STATUS = 500


class _Body(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class Registration(_Body):
    """A runner that introduces itself."""

    name: Text = Field(examples=["desk-7"])
    capabilities: Object | list[str] = Field(default_factory=dict)


class ClaimRequest(_Body):
    """How a job is claimed."""

    lease_s: float | None = Field(None, ge=1, le=86_400, description="How long it is valid without a heartbeat.")


class Report(_Body):
    """What a runner says about its job."""

    attempt: int | None = Field(None, ge=1, description="The attempt that the claim answered with.")
    console_output: str | None = Field(None, description="What was printed since the last call.")


class Heartbeat(Report):
    """A sign of life, which renews the lease."""

    progress_current: float | None = Field(None, ge=0)
    progress_total: float | None = Field(None, gt=0)
    lease_s: float | None = Field(None, ge=1, le=86_400)


class Completion(Report):
    """The job is done."""

    output_data: Object = Field(default_factory=dict, description="The result of the job.")


class Failure(Report):
    """The job failed."""

    error_message: str = Field(examples=["no licence"])


def runner(key: Caller, x_runner_id: Annotated[str, Header(min_length=1, max_length=200)]) -> str:
    """The runner that calls. Its name is that of its API key, or begins with it and a dash.

    Raises
    ------
    HTTPException: it uses another's name.
    """
    if key is not LOCAL and x_runner_id != key.name and not x_runner_id.startswith(f"{key.name}-"):
        raise HTTPException(403, f"this API key is for the runner {key.name}, or one called {key.name}-…")
    return x_runner_id


Runner = Annotated[str, Depends(runner)]
Types = Annotated[list[str], Query(alias="types[]", max_length=100, description="Job types; repeat it.")]


@router.post("/register")
def register(request: Request, key: Caller, body: Registration, service: Serving) -> Response:
    """Introduce a runner. Send the `runner_id` as X-Runner-ID from then on."""
    name = runner(key, body.name)
    return answer(request, {"runner_id": name, "name": name, "lease_s": service.config.worker.lease_s})


@router.post("/verify")
def verify(request: Request, name: Runner) -> Response:
    """Check that key and runner fit together."""
    return answer(request, {"valid": True, "runner_id": name})


@router.get("/jobs/available")
def available(request: Request, name: Runner, service: Serving, types: Types) -> Response:
    """The waiting jobs of these types, in the order in which they are claimed."""
    now = datetime.now(UTC)
    found = [
        job
        for each in types
        for status in WAITING
        for job in service.platform.jobs(type=each, status=status, limit=_MOST_AVAILABLE)
        if job.not_before is None or job.not_before <= now
    ]
    found.sort(key=lambda job: (-job.priority, job.updated_at, job.id))
    found.sort(key=lambda job: job.type, reverse=True)
    return answer(request, {"jobs": [_shown(job) for job in found[:_MOST_AVAILABLE]]})


@router.post("/jobs/{task_id}/claim")
def claim(
    request: Request, task_id: TaskId, name: Runner, service: Serving, body: ClaimRequest | None = None
) -> Response:
    """Claim a waiting job; 409 if somebody else was faster."""
    job = service.platform.job(task_id)
    lease_s = (body.lease_s if body else None) or service.config.worker.lease_s
    taken = service.platform.claim(name, [job.type], lease_s=lease_s, job_id=job.id)
    if taken is None:
        raise HTTPException(409, f"job {job.id} is not waiting: it is {service.platform.job(job.id).status}")
    claimed = {
        "attempt": taken.attempt,
        "lease_s": lease_s,
        "lease_expires_at": taken.lease_expires_at,
        "job": {**_shown(taken.job), "details": taken.job.details, "preset": taken.preset},
    }
    return answer(request, claimed)


@router.post("/jobs/{task_id}/heartbeat")
def heartbeat(request: Request, task_id: TaskId, name: Runner, service: Serving, body: Heartbeat) -> Response:
    """Renew the lease, and report progress and output. The answer says whether the job is to be canceled."""
    held = _held(service, task_id, name, body.attempt)
    progress = None
    if body.progress_current is not None and body.progress_total:
        progress = min(100.0, 100.0 * body.progress_current / body.progress_total)
    lines = (body.console_output or "").strip().splitlines()
    beat: Beat = service.platform.heartbeat(
        held,
        lease_s=body.lease_s or service.config.worker.lease_s,
        progress=progress,
        status_details=lines[-1][:_MOST_STATUS] if lines else None,
    )
    _record(service, held, body.console_output)
    told = {"lease_expires_at": beat.lease_expires_at, "cancel_requested": beat.cancel_requested}
    return answer(request, {**told, "attempt": held.attempt})


@router.post("/jobs/{task_id}/complete")
def complete(request: Request, task_id: TaskId, name: Runner, service: Serving, body: Completion) -> Response:
    """End a job with success."""
    done = Outcome.of({"status": "COMPLETED_SUCCESS", "result": body.output_data})
    return _finish(request, service, task_id, name, body, done)


@router.post("/jobs/{task_id}/error")
def error(request: Request, task_id: TaskId, name: Runner, service: Serving, body: Failure) -> Response:
    """End a job with an error, or as canceled if that was asked for."""
    failed = Outcome(
        "COMPLETED_ERRORS", body.error_message, errors=[{"stage": "runner", "message": body.error_message}]
    )
    return _finish(request, service, task_id, name, body, failed)


def _finish(request: Request, service: Service, task_id: str, name: str, body: Report, outcome: Outcome) -> Response:
    held = _held(service, task_id, name, body.attempt)
    if held.job.status == "IN_PROGRESS":
        _record(service, held, body.console_output)
        if held.job.cancel_requested and outcome.status == "COMPLETED_ERRORS":
            outcome = Outcome("CANCELED", outcome.status_details, errors=outcome.errors)
    service.platform.finish(held, outcome)
    return answer(request, _shown(service.platform.job(task_id)))


def _held(service: Service, task_id: str, name: str, attempt: int | None) -> Claim:
    """The claim that a runner says it has; the platform checks it with each write.

    Without an attempt, as the replaced tools call, it is the job's present one: such a runner is told apart by its
    name alone.
    """
    job = service.platform.job(task_id)
    return Claim(job, {}, attempt or job.attempt, name, job.lease_expires_at)


def _record(service: Service, held: Claim, console_output: str | None) -> None:
    """Keep what a runner printed as an event. Its place is the milliseconds since the attempt began."""
    if not console_output or not console_output.strip():
        return
    now = datetime.now(UTC)
    began = held.job.started_at or now
    place = max(1, int((now - began).total_seconds() * 1000))
    said = events.ActionStatus(status=console_output[-_MOST_CONSOLE:])
    service.platform.record(held, [Entry(place, now, held.job.id, held.attempt, said)])


def _shown(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "type": job.type,
        "status": job.status,
        "preset_key": job.preset_key,
        "priority": job.priority,
        "attempt": job.attempt,
        "created_at": job.created_at,
        "status_details": job.status_details,
    }
