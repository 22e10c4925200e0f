"""Jobs: submit, list, get, change, steer and delete."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Response

from ..errors import NotFound, PlatformError
from ..platform.values import Job, JobStatus
from ..submission import Order, place
from .access import Caller, needs
from .answers import answer, check_unchanged, cursor_of, place_of
from .models import Events, NewTask, Task, TaskChange, TaskCreated, TaskPage
from .problems import invalid, invalid_parameter
from .representations import task
from .service import Service, Serving

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])

TaskId = Annotated[str, Path(max_length=100, description="The id of a job.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Repeating a request with the same key submits no second job.",
    ),
]
_Word = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]
_NAMESPACE = uuid.UUID("5d5ab2b3-95c1-4d0f-a9d6-6c1c3f0a5a35")


@router.post("", status_code=201, response_model=TaskCreated, dependencies=[needs("submit")])
def submit(
    request: Request, body: NewTask, key: Caller, service: Serving, idempotency_key: IdempotencyKey = None
) -> Response:
    """Submit a job.

    The id of a job that is submitted with an Idempotency-Key is made from the key: every server recognises a
    repetition by the job itself, and nothing else has to be remembered.
    """
    order = Order(
        preset=body.preset,
        details=body.details,
        job_type=body.type,
        priority=body.priority,
        requestor_id=body.requestor_id or key.name or None,
        status="ON_HOLD" if body.hold else "NEW",
        id=str(uuid.uuid5(_NAMESPACE, f"{key.id}\n{idempotency_key}")) if idempotency_key else None,
    )
    job = submitted(service, order)
    headers = {"Location": f"/v1/tasks/{job.id}"}
    return answer(request, {"taskId": job.id, "state": job.status}, status=201, headers=headers)


def submitted(service: Service, order: Order) -> Job:
    """Submit an order. A preset or a job type that is not there is bad input: the body names it.

    Raises
    ------
    InvalidInput: the order is not valid.
    PlatformError: the platform cannot be reached.
    """
    try:
        return place(service.platform, order, extra_exports=service.extra_exports, jobs=service.config.jobs)
    except NotFound as error:
        raise invalid("/preset", str(error)) from error
    except PlatformError as error:
        if error.transient or error.credential:
            raise
        raise invalid("/type" if "job type" in str(error) else "", str(error)) from error


@router.get("", response_model=TaskPage, dependencies=[needs("read")])
def list_tasks(
    request: Request,
    service: Serving,
    state: JobStatus | None = None,
    type: _Word = None,
    preset: _Word = None,
    worker: _Word = None,
    search: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=200,
            pattern=r"^[^\x00]*$",
            description="Text in preset key, status details or requestor, or the id of a job, style or body.",
        ),
    ] = None,
    cursor: Annotated[str | None, Query(max_length=500, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, description="The most jobs of the page; server.max_page is the limit.")] = 50,
) -> Response:
    """List jobs, the newest first."""
    if limit > service.config.server.max_page:
        raise invalid_parameter("limit", f"expected at most {service.config.server.max_page}")
    found = service.platform.jobs(
        status=state,
        type=type,
        preset_key=preset,
        worker=worker,
        search=search,
        after=place_of(cursor) if cursor is not None else None,
        limit=limit + 1,
    )
    page, more = found[:limit], len(found) > limit
    following = cursor_of(page[-1]) if more else None
    headers = {}
    if following is not None:
        url = request.url.include_query_params(cursor=following)
        headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return answer(request, {"tasks": [task(job) for job in page], "next": following}, headers=headers)


@router.get("/{task_id}", response_model=Task, dependencies=[needs("read")])
def get(request: Request, task_id: TaskId, service: Serving) -> Response:
    """Get a job."""
    return answer(request, task(service.platform.job(task_id)))


@router.patch("/{task_id}", response_model=Task, dependencies=[needs("steer")])
def change(request: Request, task_id: TaskId, body: TaskChange, service: Serving) -> Response:
    """Change the priority of a job. With If-Match, only if it is as the caller has seen it."""
    check_unchanged(request, task(service.platform.job(task_id)))
    return answer(request, task(service.platform.set_priority(task_id, body.priority)))


@router.delete("/{task_id}", status_code=204, dependencies=[needs("steer")])
def delete(request: Request, task_id: TaskId, service: Serving) -> Response:
    """Delete a job that is not running, with its events and the rows of its assets. Stored objects stay."""
    check_unchanged(request, task(service.platform.job(task_id)))
    service.platform.delete(task_id)
    return Response(status_code=204)


@router.post("/{task_id}/{verb}", response_model=Task, dependencies=[needs("steer")])
def steer(
    request: Request,
    task_id: TaskId,
    verb: Literal["cancel", "stop", "retry", "hold", "release"],
    service: Serving,
) -> Response:
    """Cancel a job (stop is the same), put an ended one back into the queue, hold a waiting one or release it.

    A waiting job is canceled at once. A running one is asked to stop: follow its events to see that it has.
    """
    platform = service.platform
    steering = {
        "cancel": platform.request_cancel,
        "stop": platform.request_cancel,
        "retry": platform.retry,
        "hold": platform.hold,
        "release": platform.release,
    }
    return answer(request, task(steering[verb](task_id)))


@router.get("/{task_id}/events", response_model=Events, dependencies=[needs("read")], tags=["events"])
def events(request: Request, task_id: TaskId, service: Serving) -> Response:
    """What happened to a job, oldest first."""
    return answer(request, {"events": [entry.as_json() for entry in service.platform.events(task_id)]})
