"""The state of the server, and the schemas of what it takes."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from .. import __version__
from ..errors import NotFound
from ..validation import shipped_schema
from .access import needs
from .answers import answer
from .models import Status
from .service import Serving

router = APIRouter(tags=["server"])

_SCHEMAS = ("job_preset", "job_details", "event")


@router.get("/health", response_model=Status)
async def health(request: Request) -> Response:
    """Whether the server runs. It asks nobody."""
    return answer(request, {"status": "ok", "platform": None, "version": __version__})


@router.get("/ready", response_model=Status)
def ready(request: Request, service: Serving) -> Response:
    """Whether the platform answers; 503 if it does not."""
    service.platform.jobs(limit=1)
    return answer(request, {"status": "ok", "platform": None, "version": __version__})


@router.get("/v1/platform", response_model=Status, dependencies=[needs("read")])
def platform(request: Request, service: Serving) -> Response:
    """The platform that this server works on."""
    return answer(request, {"status": "ok", "platform": service.platform.describe(), "version": __version__})


@router.get("/v1/schemas", response_model=dict[str, Any], dependencies=[needs("read")])
def schemas(request: Request) -> Response:
    """The names of the JSON Schemas."""
    return answer(request, {"schemas": list(_SCHEMAS)})


@router.get("/v1/schemas/{name}", response_model=dict[str, Any], dependencies=[needs("read")])
def schema(request: Request, name: Annotated[str, Path(max_length=100)]) -> Response:
    """A JSON Schema: `job_preset`, `job_details` or `event`."""
    if name not in _SCHEMAS:
        raise NotFound(f"there is no schema {name}; expected {', '.join(_SCHEMAS)}")
    return answer(request, shipped_schema(name))
