"""The platform's ports, call by call, for workers of other machines: `platform.kind = "http"` is the client."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, get_type_hints

import msgspec
from anyio import CapacityLimiter
from anyio.to_thread import run_sync as in_thread
from fastapi import APIRouter, Body, Path, Response
from starlette.exceptions import HTTPException

from ..errors import NotFound
from ..platform.http import wire
from ..platform.http.wire import Held
from ..platform.ports import Platform
from ..platform.values import NewAsset, NewJob, Outcome, unusable
from .access import Caller, check_scope, needs
from .models import Object
from .problems import invalid
from .runner import check_name
from .service import Serving

router = APIRouter(prefix="/api/platform", tags=["platform"], dependencies=[needs("runner")])

_LONGEST_WAIT_S = 25.0
_waiting = CapacityLimiter(500)
"""Calls that wait have threads of their own, so that they keep none of those that answer other requests."""
_WAITS = ("claim_state", "wait_for_jobs", "changes")

_SCOPES = {
    "submit": "submit",
    **dict.fromkeys(("request_cancel", "retry", "hold", "release", "set_priority", "delete"), "steer"),
    **dict.fromkeys(("put_preset", "delete_preset"), "presets"),
}
"""What a call needs beside the scope `runner`."""

CALLS: dict[str, tuple[type[msgspec.Struct], Callable[..., Any]]] = {}


def _call(function: Callable[..., Any]) -> Callable[..., Any]:
    """Offer a function as a call; its parameters are the fields of the request's body."""
    hints = get_type_hints(function)
    parameters = list(inspect.signature(function).parameters.values())[1:]
    fields: list[Any] = [
        (each.name, hints[each.name])
        if each.default is inspect.Parameter.empty
        else (each.name, hints[each.name], each.default)
        for each in parameters
    ]
    name = function.__name__.strip("_")
    CALLS[name] = msgspec.defstruct(name, fields, kw_only=True), function
    return function


@router.post("/{call}", response_model=Object)
async def call(
    call: Annotated[str, Path(max_length=50, description="A method of the platform's ports.")],
    body: Annotated[Object, Body()],
    key: Caller,
    service: Serving,
) -> Response:
    """Call a method of the platform. `result` is what it returns."""
    if call not in CALLS:
        raise NotFound(f"the platform has no call {call}")
    form, _ = CALLS[call]
    check_scope(key, _SCOPES.get(call, "runner"))
    if "worker" in body:
        check_name(key, str(body["worker"]))
    try:
        return await _answered(service.platform, call, msgspec.convert(body, form))
    except msgspec.ValidationError as error:
        raise invalid("", str(error)) from error


async def _answered(platform: Platform, call: str, arguments: msgspec.Struct) -> Response:
    form, function = CALLS[call]
    given = {name: getattr(arguments, name) for name in form.__struct_fields__}
    if isinstance(held := given.get("held"), Held) and held.worker != given["worker"]:
        raise HTTPException(403, "the claim is another worker's")

    def answer() -> bytes:
        return _encoded(function(platform, **given))

    limiter = _waiting if call in _WAITS else None
    return Response(await in_thread(answer, limiter=limiter), media_type="application/json")


def _encoded(result: Any) -> bytes:
    return msgspec.json.encode({"result": wire.plain(result)})


@_call
def _describe(platform: Platform) -> Any:
    return platform.describe()


@_call
def _claim(platform: Platform, worker: str, job_types: list[str], lease_s: float, job_id: str | None = None) -> Any:
    while True:
        claim = platform.claim(worker, job_types, lease_s=lease_s, job_id=job_id)
        try:
            _encoded(claim)
        except RecursionError as error:  # such as details that are nested too deeply
            assert claim is not None
            platform.finish(claim, unusable(claim.job.id, error))
        else:
            return claim


@_call
def _heartbeat(
    platform: Platform,
    worker: str,
    held: Held,
    lease_s: float,
    progress: float | None = None,
    status_details: str | None = None,
) -> Any:
    return platform.heartbeat(held.claim(), lease_s=lease_s, progress=progress, status_details=status_details)


@_call
def _claim_state(platform: Platform, worker: str, held: Held, timeout_s: float) -> Any:
    return platform.claim_state(held.claim(), timeout_s=min(timeout_s, _LONGEST_WAIT_S))


@_call
def _finish(platform: Platform, worker: str, held: Held, outcome: Mapping[str, Any]) -> Any:
    return platform.finish(held.claim(), Outcome.of(outcome))


@_call
def _requeue_expired(platform: Platform) -> Any:
    return platform.requeue_expired()


@_call
def _wait_for_jobs(platform: Platform, job_types: list[str], timeout_s: float) -> Any:
    return platform.wait_for_jobs(job_types, timeout_s=min(timeout_s, _LONGEST_WAIT_S))


@_call
def _record(platform: Platform, worker: str, held: Held, entries: list[dict[str, Any]]) -> Any:
    return platform.record(held.claim(), wire.entries(entries))


@_call
def _events(platform: Platform, job_id: str) -> Any:
    return platform.events(job_id)


@_call
def _submit(platform: Platform, job: NewJob) -> Any:
    return platform.submit(job)


@_call
def _job(platform: Platform, job_id: str) -> Any:
    return platform.job(job_id)


@_call
def _jobs(
    platform: Platform,
    status: Any = None,
    type: str | None = None,
    preset_key: str | None = None,
    of_worker: str | None = None,
    id_range: tuple[str, str] | None = None,
    search: str | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int = 100,
) -> Any:
    filters: dict[str, Any] = {"status": status, "type": type, "preset_key": preset_key, "worker": of_worker}
    return platform.jobs(**filters, id_range=id_range, search=search, after=after, limit=limit)


@_call
def _changes(platform: Platform, timeout_s: float, after: str | None = None) -> Any:
    return platform.changes(after, timeout_s=min(timeout_s, _LONGEST_WAIT_S))


@_call
def _request_cancel(platform: Platform, job_id: str) -> Any:
    return platform.request_cancel(job_id)


@_call
def _retry(platform: Platform, job_id: str, done: Mapping[str, Any] | None = None) -> Any:
    return platform.retry(job_id, done=done)


@_call
def _hold(platform: Platform, job_id: str) -> Any:
    return platform.hold(job_id)


@_call
def _release(platform: Platform, job_id: str) -> Any:
    return platform.release(job_id)


@_call
def _set_priority(platform: Platform, job_id: str, priority: int) -> Any:
    return platform.set_priority(job_id, priority)


@_call
def _delete(platform: Platform, job_id: str) -> Any:
    return platform.delete(job_id)


@_call
def _preset(platform: Platform, key: str) -> Any:
    return platform.preset(key)


@_call
def _presets(platform: Platform) -> Any:
    return platform.presets()


class _Preset(msgspec.Struct):
    key: str
    details: dict[str, Any]
    name: str | None = None
    version: int | None = None
    description: str | None = None
    job_type: str | None = None


@_call
def _put_preset(platform: Platform, preset: _Preset) -> Any:
    return platform.put_preset(msgspec.structs.asdict(preset))


@_call
def _delete_preset(platform: Platform, key: str) -> Any:
    return platform.delete_preset(key)


@_call
def _begin_asset(platform: Platform, worker: str, held: Held, asset: NewAsset) -> Any:
    return platform.begin_asset(held.claim(), asset)


@_call
def _asset_uploaded(platform: Platform, worker: str, held: Held, asset_id: str, details: dict[str, Any]) -> Any:
    return platform.asset_uploaded(held.claim(), asset_id, details)


@_call
def _asset_types(platform: Platform) -> Any:
    return platform.asset_types()


@_call
def _assets(platform: Platform, job_id: str) -> Any:
    return platform.assets(job_id)
