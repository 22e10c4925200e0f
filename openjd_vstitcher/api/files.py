"""The assets of a job, with links and ranges, and its logs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

from anyio.to_thread import run_sync as in_thread
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import FileResponse, RedirectResponse, StreamingResponse
from starlette.exceptions import HTTPException

from ..attempt.directory import AttemptDirectory
from ..errors import NotFound
from ..platform.values import ENDED, Asset
from ..storage.address import local_path
from .access import caller, needs
from .answers import answer, has_tag
from .models import Assets
from .representations import asset
from .service import Service, Serving
from .tasks import TaskId
from .watcher import StreamEnded

router = APIRouter(prefix="/v1/tasks/{task_id}")

_CHUNK_BYTES = 64 << 10
_LOOK_S = 0.5
_UNTRUSTED = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "Cache-Control": "private, no-cache",
}
"""What an output holds is data from jobs: it runs nothing in the name of this server's pages."""


@router.get("/assets", response_model=Assets, dependencies=[needs("read")], tags=["assets"])
def assets(request: Request, task_id: TaskId, service: Serving) -> Response:
    """List the outputs of a job, each complete one with a link."""
    service.platform.job(task_id)
    found = service.platform.assets(task_id)
    return answer(request, {"assets": [asset(each, service.links) for each in found]})


@router.get(
    "/assets/{name}",
    response_class=FileResponse,
    responses={
        206: {"description": "The range that was asked for."},
        307: {"description": "Where the storage has it."},
    },
    tags=["assets"],
)
@router.head("/assets/{name}", include_in_schema=False)
def content(
    request: Request,
    task_id: TaskId,
    name: str,
    service: Serving,
    expires: Annotated[int | None, Query(ge=0, le=1 << 40, description="Of a link.")] = None,
    signature: Annotated[str | None, Query(max_length=100, description="Of a link.")] = None,
    authorization: Annotated[str | None, Header()] = None,
) -> Response:
    """The bytes of an output, or a part of them with Range. A link needs no API key."""
    _check_access(request, service, task_id, name, expires, signature, authorization)
    found = _asset(service, task_id, name)
    url = service.storage.link(found.path, expires_s=service.config.server.link_s)
    if not url.startswith("file:"):
        return RedirectResponse(url, 307, headers={"Cache-Control": "no-store"})
    return _file(request, local_path(url), found)


def _check_access(
    request: Request,
    service: Service,
    task_id: str,
    name: str,
    expires: int | None,
    signature: str | None,
    authorization: str | None,
) -> None:
    if signature is not None:
        if not service.links.is_valid(task_id, name, expires or 0, signature):
            raise HTTPException(403, "this link is not valid, or it has expired")
    elif "read" not in caller(request, service, authorization).scopes:
        raise HTTPException(403, "this API key lacks the scope read")


def _asset(service: Service, task_id: str, name: str) -> Asset:
    for found in service.platform.assets(task_id):
        if found.name == name and found.status == "UPLOADED":
            return found
    raise NotFound(f"job {task_id} has no complete asset {name}")


def _file(request: Request, path: Path, found: Asset) -> Response:
    try:
        stat = path.stat()
    except OSError as error:
        raise NotFound(f"the storage does not have {found.path}: {error.strerror}") from error
    content_type = found.details.get("content_type")
    response = FileResponse(
        path,
        headers=_UNTRUSTED,
        media_type=content_type if isinstance(content_type, str) else None,
        filename=found.name,
        stat_result=stat,
        content_disposition_type="inline",
    )
    if has_tag(request, response.headers["etag"]):
        return Response(status_code=304, headers={"ETag": response.headers["etag"]})
    return response


@router.get(
    "/logs",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "The log."}},
    dependencies=[needs("read")],
    tags=["logs"],
)
async def logs(
    task_id: TaskId,
    service: Serving,
    attempt: Annotated[int | None, Query(ge=1, le=1_000_000, description="Without it, the last one.")] = None,
    log: Annotated[Literal["session", "engine", "journal"], Query(description="Which log.")] = "session",
    offset: Annotated[int, Query(ge=0, le=1 << 40, description="Where to begin, in bytes.")] = 0,
    follow: Annotated[bool, Query(description="Go on until the attempt has ended.")] = False,
) -> Response:
    """The log of a job that runs or ran on this machine."""
    job = await in_thread(service.platform.job, task_id)
    number = attempt or job.attempt
    directory = AttemptDirectory(service.work_dir / f"{job.id}.{number}")
    path = {"session": directory.session_log, "engine": directory.engine_log, "journal": directory.journal}[log]
    if not path.is_file():
        where = f"; it ran on {job.worker}" if job.worker else ""
        raise NotFound(f"this machine has no {path.name} of job {job.id}, attempt {number}{where}")
    if follow:
        service.watcher.check_room()
    is_last = number == job.attempt
    lines = _lines(service, job.id, number, path, offset, follow=follow and is_last and job.status not in ENDED)
    return StreamingResponse(lines, media_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"})


async def _lines(
    service: Service, job_id: str, attempt: int, path: Path, offset: int, *, follow: bool
) -> AsyncIterator[bytes]:
    with path.open("rb") as file, service.watcher.subscribe(job_id) as changes:
        file.seek(offset)
        ended = not follow
        while True:
            async for chunk in _rest(file):
                yield chunk
            if ended:
                return
            try:
                await changes.next(_LOOK_S)
            except StreamEnded:
                return
            job = await in_thread(partial(service.platform.job, job_id))
            ended = job.status != "IN_PROGRESS" or job.attempt != attempt


async def _rest(file: BinaryIO) -> AsyncIterator[bytes]:
    while chunk := await in_thread(file.read, _CHUNK_BYTES):
        yield chunk
