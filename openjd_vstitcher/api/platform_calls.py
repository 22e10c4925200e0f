"""The platform's ports, call by call, for workers of other machines: `platform.kind = "http"` is the client."""

from __future__ import annotations

import functools
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
from ..platform.values import Claim, Outcome, unusable
from .access import Caller, check_scope, needs
from .models import Object
from .problems import invalid
from .runner import check_name
from .service import Serving

router = APIRouter(prefix="/api/platform", tags=["platform"], dependencies=[needs("runner")])

_LONGEST_WAIT_S = 25.0
_waiting = CapacityLimiter(500)
"""Calls that wait have threads of their own, so that they keep none of those that answer other requests."""

_SCOPES = {
    "submit": "submit",
    **dict.fromkeys(("request_cancel", "retry", "hold", "release", "set_priority", "delete"), "steer"),
    **dict.fromkeys(("put_preset", "delete_preset"), "presets"),
}
"""What a call needs beside the scope `runner`."""

CALLS: dict[str, tuple[type[msgspec.Struct], Callable[..., Any]]] = {}
"""The body and the function of each call."""


def _call(function: Callable[..., Any]) -> Callable[..., Any]:
    """Offer a function as a call; its parameters are the fields of the request's body.

    A parameter that is a claim becomes the fields `worker` and `held`.
    """
    hints = get_type_hints(function)
    fields: list[Any] = []
    for each in list(inspect.signature(function).parameters.values())[1:]:
        if hints[each.name] is Claim:
            fields += [("worker", str), ("held", Held)]
        elif each.default is inspect.Parameter.empty:
            fields.append((each.name, hints[each.name]))
        else:
            fields.append((each.name, hints[each.name], each.default))
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
    if "held" in given:
        held, worker = given.pop("held"), given.pop("worker")
        if held.worker != worker:
            raise HTTPException(403, "the claim is another worker's")
        given["claim"] = held.claim()
    waits = "timeout_s" in given
    if waits:
        given["timeout_s"] = min(given["timeout_s"], _LONGEST_WAIT_S)

    def answer() -> bytes:
        return _encoded(function(platform, **given))

    return Response(await in_thread(answer, limiter=_waiting if waits else None), media_type="application/json")


def _encoded(result: Any) -> bytes:
    return msgspec.json.encode({"result": wire.plain(result)})


def _as_declared(name: str) -> None:
    """Offer a method of the platform with the parameters that the ports declare."""
    declared = getattr(Platform, name)

    @functools.wraps(declared)
    def function(platform: Platform, **given: Any) -> Any:
        return getattr(platform, name)(**given)

    _call(function)


for _name in (
    *("describe", "heartbeat", "claim_state", "requeue_expired", "wait_for_jobs", "events", "submit", "job"),
    *("request_cancel", "retry", "hold", "release", "set_priority", "delete", "preset", "presets", "delete_preset"),
    *("begin_asset", "asset_uploaded", "asset_types", "assets"),
):
    _as_declared(_name)


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
def _finish(platform: Platform, claim: Claim, outcome: Mapping[str, Any]) -> Any:
    return platform.finish(claim, Outcome.of(outcome))


@_call
def _record(platform: Platform, claim: Claim, entries: list[dict[str, Any]]) -> Any:
    return platform.record(claim, wire.entries(entries))


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
    return platform.changes(after, timeout_s=timeout_s)


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
