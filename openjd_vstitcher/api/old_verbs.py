"""The verbs of the tools that this API replaces. New clients use /v1/tasks."""

from __future__ import annotations

import time
from typing import Annotated, Any

from anyio.to_thread import run_sync as in_thread
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from ..platform.values import ENDED, Job, JobStatus
from ..submission import Order
from .access import Caller, needs
from .answers import answer
from .models import Object, PresetOrKey, Priority, Text
from .service import Service, Serving
from .tasks import TaskId, submitted
from .watcher import StreamEnded

router = APIRouter(tags=["replaced tools"], deprecated=True)

_LOOK_S = 5.0


class OldJob(BaseModel):
    """A job to add."""

    model_config = ConfigDict(extra="forbid", strict=True)

    preset_key: PresetOrKey = Field(examples=["onboarding_v0"])
    details: Object = Field(default_factory=dict)
    type: Text | None = None
    priority: Priority = 0
    requestor_id: Text | None = None


@router.get("/list-jobs", dependencies=[needs("read")])
def list_jobs(
    request: Request,
    service: Serving,
    status: JobStatus | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """List jobs, the newest first."""
    return answer(request, {"jobs": [_shown(job) for job in service.platform.jobs(status=status, limit=limit)]})


@router.post("/add-job", status_code=201, dependencies=[needs("submit")])
def add_job(request: Request, body: OldJob, key: Caller, service: Serving) -> Response:
    """Add a job to the queue."""
    return answer(request, _shown(submitted(service, _order(body, key.name))), status=201)


@router.get("/get-job/{task_id}", dependencies=[needs("read")])
def get_job(request: Request, task_id: TaskId, service: Serving) -> Response:
    """Get a job with its outputs."""
    return answer(request, _with_assets(service, service.platform.job(task_id)))


@router.post("/execute-job", dependencies=[needs("submit")], responses={202: {"description": "It has not ended yet."}})
async def execute_job(
    request: Request,
    body: OldJob,
    key: Caller,
    service: Serving,
    timeout_s: Annotated[float, Query(ge=0, le=3600, description="How long to wait for the job's end.")] = 60.0,
) -> Response:
    """Add a job and answer when it has ended; 202 with its state if it has not in time. A worker runs it."""
    service.watcher.check_room()
    deadline = time.monotonic() + timeout_s
    job = await in_thread(submitted, service, _order(body, key.name))
    with service.watcher.subscribe(job.id) as changes:
        while job.status not in ENDED and (left := deadline - time.monotonic()) > 0:
            job = await in_thread(service.platform.job, job.id)
            if job.status in ENDED:
                break
            try:
                await changes.next(min(_LOOK_S, left))
            except StreamEnded:
                break
    job = await in_thread(service.platform.job, job.id)
    shown = await in_thread(_with_assets, service, job)
    return answer(request, shown, status=200 if job.status in ENDED else 202)


def _order(body: OldJob, requestor: str) -> Order:
    return Order(
        preset=body.preset_key,
        details=body.details,
        job_type=body.type,
        priority=body.priority,
        requestor_id=body.requestor_id or requestor or None,
    )


def _with_assets(service: Service, job: Job) -> dict[str, Any]:
    return {**_shown(job), "assets": service.platform.assets(job.id)}


def _shown(job: Job) -> dict[str, Any]:
    return {"job_id": job.id, **{name: value for name, value in vars(job).items() if name != "id"}}
