"""Presets: list, get, store, delete, check and translate."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from ..documents import data_problems
from ..errors import InvalidInput, NotFound
from ..presets import Preset, check_asset_types, load_preset
from ..translation.check import decode
from ..translation.outputs import expected_outputs
from ..translation.preset import translate
from .access import needs
from .answers import answer, check_unchanged
from .models import CheckResult, Document, PresetRow, Presets
from .problems import invalid
from .representations import preset as represented
from .service import Service, Serving

router = APIRouter(prefix="/v1", tags=["presets"])

Key = Annotated[str, Path(max_length=200)]
_BODY = "body"


@router.get("/presets", response_model=Presets, dependencies=[needs("read")])
def list_presets(request: Request, service: Serving) -> Response:
    """List all presets, by key."""
    return answer(request, {"presets": [represented(row) for row in service.platform.presets()]})


@router.get("/presets/{key}", response_model=PresetRow, dependencies=[needs("read")])
def get(request: Request, key: Key, service: Serving) -> Response:
    """Get a preset."""
    return answer(request, represented(service.platform.preset(key)))


@router.put(
    "/presets/{key}",
    response_model=PresetRow,
    responses={201: {"model": PresetRow, "description": "It is new."}},
    dependencies=[needs("presets")],
)
def put(request: Request, key: Key, body: Document, service: Serving) -> Response:
    """Store a preset. With If-Match, only if it is as the caller has seen it."""
    document = body.model_dump()
    if document["key"] != key:
        raise invalid("/key", f"found {document['key']!r}; expected {key!r}, as in the path")
    _checked(service, document)
    before = _there(service, key)
    check_unchanged(request, represented(before) if before else None)
    service.platform.put_preset(document)
    return answer(request, represented(service.platform.preset(key)), status=200 if before else 201)


@router.delete("/presets/{key}", status_code=204, dependencies=[needs("presets")])
def delete(request: Request, key: Key, service: Serving) -> Response:
    """Delete a preset that no job names."""
    check_unchanged(request, represented(service.platform.preset(key)))
    service.platform.delete_preset(key)
    return Response(status_code=204)


@router.post("/presets/check", response_model=CheckResult, dependencies=[needs("read")])
def check(request: Request, body: Document, service: Serving) -> Response:
    """Say what is wrong with a preset, without storing it."""
    preset = _checked(service, body.model_dump())
    outputs = [output.name for output in expected_outputs(preset)]
    return answer(request, {"valid": True, "exports": len(preset.exports), "outputs": outputs})


@router.post("/presets/translate", response_model=dict[str, Any], dependencies=[needs("read")])
def translate_document(request: Request, body: Document, service: Serving) -> Response:
    """The Open Job Description template of a preset, without storing it."""
    return answer(request, _translated(_checked(service, body.model_dump())))


@router.get("/presets/{key}/template", response_model=dict[str, Any], dependencies=[needs("read")])
def template(request: Request, key: Key, service: Serving) -> Response:
    """The Open Job Description template of a stored preset."""
    row = service.platform.preset(key)
    return answer(request, _translated(load_preset(row, f"preset {key}", extra_exports=service.extra_exports)))


@router.post("/templates/check", response_model=dict[str, Any], dependencies=[needs("read")])
def check_template(request: Request, body: dict[str, Any]) -> Response:
    """Say what is wrong with an Open Job Description template."""
    if problems := data_problems(body):
        raise InvalidInput(_BODY, problems)
    return answer(request, {"valid": True, "steps": len(decode(body, _BODY).steps)})


def _checked(service: Service, document: dict[str, Any]) -> Preset:
    preset = load_preset(document, _BODY, extra_exports=service.extra_exports)
    if problems := check_asset_types(preset, service.platform.asset_types()):
        raise InvalidInput(_BODY, problems)
    return preset


def _translated(preset: Preset) -> dict[str, Any]:
    return dict(translate(preset))


def _there(service: Service, key: str) -> Any:
    try:
        return service.platform.preset(key)
    except NotFound:
        return None
