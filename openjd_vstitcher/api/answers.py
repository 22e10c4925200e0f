"""Answers as JSON with entity tags, and the cursors of pages."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from fastapi import Request, Response
from starlette.exceptions import HTTPException

from ..platform.values import Job, JobPlace
from .problems import invalid_parameter


def encoded(value: Any) -> bytes:
    """A value as JSON: times in UTC, dataclasses as objects."""
    return msgspec.json.encode(value, enc_hook=str)


def etag_of(body: bytes) -> str:
    """The entity tag of a representation."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def answer(request: Request, value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A value as an answer with an entity tag; 304 without a body if the caller has it already."""
    body = encoded(value)
    tag = etag_of(body)
    given = {**(headers or {}), "ETag": tag, "Cache-Control": "no-cache"}
    if request.method in ("GET", "HEAD") and _names(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=given)
    return Response(body, status, headers=given, media_type="application/json")


def check_unchanged(request: Request, value: Any) -> None:
    """Accept a change only if the caller's `If-Match` names what is there now.

    Raises
    ------
    HTTPException: it has changed meanwhile.
    """
    wanted = request.headers.get("if-match")
    if wanted is not None and not _names(wanted, etag_of(encoded(value))):
        raise HTTPException(412, "it has changed since the representation that If-Match names")


def has_tag(request: Request, tag: str) -> bool:
    """Whether the caller has the representation with this tag already."""
    return _names(request.headers.get("if-none-match"), tag)


def _names(header: str | None, tag: str) -> bool:
    tags = [each.strip().removeprefix("W/") for each in (header or "").split(",")]
    return tag in tags or "*" in tags


def cursor_of(job: Job) -> str:
    """The cursor of the page that begins behind a job."""
    text = json.dumps([job.created_at.astimezone(UTC).isoformat(), job.id])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_of(cursor: str) -> JobPlace:
    """The place that a cursor stands for.

    Raises
    ------
    HTTPException: it is not a cursor.
    """
    try:
        moment, job_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        place = datetime.fromisoformat(moment), str(job_id)
        if place[0].tzinfo is not None:
            return place
    except (ValueError, TypeError, binascii.Error, RecursionError):
        pass
    raise invalid_parameter("cursor", "is not a cursor; expected one from an earlier page")
