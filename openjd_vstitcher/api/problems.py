"""Errors as problem details (RFC 9457), with a JSON pointer for each thing that is wrong with a body."""

from __future__ import annotations

import http
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from ..errors import ClaimLost, InvalidInput, NotFound, OpenjdVsError, PlatformError, Problem, StorageError
from ..redaction import without_credentials
from ..submission import DETAILS, SubmittedOtherwise
from ..validation import json_pointer

_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
_log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
_TYPE = "urn:openjd-vstitcher:problem:"
_PLACES = {DETAILS: "/details", "preset": "/preset"}
"""Where a document that an error names is in the body of a submission."""
_NAMES = {
    400: "bad-request",
    401: "no-key",
    403: "not-allowed",
    404: "not-found",
    405: "no-such-method",
    409: "conflict",
    412: "changed-meanwhile",
    413: "too-large",
    415: "no-json",
    416: "no-such-range",
    422: "invalid-input",
    429: "too-many-requests",
    500: "internal-error",
    502: "storage-failed",
    503: "not-available",
}

Errors = Sequence[Mapping[str, str]]


def problem(
    status: int,
    detail: str,
    *,
    errors: Errors = (),
    headers: Mapping[str, str] | None = None,
    name: str | None = None,
) -> Response:
    """An error as a response.

    Parameters
    ----------
    errors: each thing that is wrong: `detail`, and `pointer` into the body or `parameter`.
    name: of the kind of error; without it, the one of the status.
    """
    body: dict[str, Any] = {
        "type": _TYPE + (name or _NAMES.get(status, "error")),
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": without_credentials(detail),
    }
    if errors:
        body["errors"] = [{**each, "detail": without_credentials(each["detail"])} for each in errors]
    return Response(msgspec.json.encode(body), status, headers=headers, media_type=MEDIA_TYPE)


def invalid(pointer: str, message: str) -> InvalidInput:
    """The error for one place in the body of a request."""
    return InvalidInput("body", [Problem(pointer, message)])


def invalid_parameter(name: str, message: str) -> HTTPException:
    """The error for a query parameter or header."""
    errors = [{"parameter": name, "detail": message}]
    return HTTPException(422, detail={"detail": f"{name}: {message}", "errors": errors})  # type: ignore[arg-type]  # `handle` reads it


def handle_errors(app: FastAPI) -> None:
    """Have an application answer every error with problem details."""
    app.add_exception_handler(InvalidInput, _invalid_input)
    app.add_exception_handler(OpenjdVsError, _known)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unknown)


def _invalid_input(_: Request, error: Exception) -> Response:
    assert isinstance(error, InvalidInput)
    prefix = _PLACES.get(error.source, "")
    errors = [{"pointer": prefix + found.pointer, "detail": found.message} for found in error.problems]
    return problem(422, "; ".join(f"{e['pointer'] or '/'}: {e['detail']}" for e in errors[:3]), errors=errors)


def _known(_: Request, error: Exception) -> Response:
    if isinstance(error, NotFound):
        return problem(404, str(error))
    if isinstance(error, ClaimLost):
        return problem(409, str(error), name="claim-lost")
    if isinstance(error, SubmittedOtherwise):
        errors = [{"parameter": "Idempotency-Key", "detail": "was used for another job"}]
        return problem(422, "this idempotency key was used for another job", errors=errors)
    if isinstance(error, PlatformError):
        if error.transient or error.credential:
            _log.warning("the platform is not available: %s", error)
            return problem(503, str(error), headers={"Retry-After": str(RETRY_AFTER_S)})
        return problem(409, str(error))
    _log.warning("a request failed: %s", error)
    if isinstance(error, StorageError):
        return problem(503 if error.transient else 502, str(error))
    return problem(500, "the server is not configured for this; its log says more")


def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        reason = next(each for each in found if each["type"] == "json_invalid")
        place = reason["loc"][-1]
        return problem(400, f"the body is not JSON: {reason['ctx']['error']} at character {place}")
    if any(each["loc"] == ("body",) for each in found) and not _is_json(request):
        return problem(415, "expected a body with the header Content-Type: application/json")
    errors = [_of_validation(each) for each in found[:20]]
    return problem(422, "; ".join(_sentence(each) for each in errors[:3]), errors=errors)


def _is_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _of_validation(found: Mapping[str, Any]) -> dict[str, str]:
    kind, *place = found["loc"]
    message = found["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if kind == "body":
        return {"pointer": json_pointer(place), "detail": message}
    return {"parameter": str(place[0]) if place else str(kind), "detail": message}


def _sentence(error: Mapping[str, str]) -> str:
    return f"{error.get('parameter') or error.get('pointer') or '/'}: {error['detail']}"


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail: Any = error.detail
    if error.status_code == 405:
        allowed = ", ".join(sorted(_methods(request)))
        return problem(405, f"expected {allowed}", headers={"Allow": allowed})
    if isinstance(detail, dict):
        return problem(error.status_code, detail["detail"], errors=detail["errors"], headers=error.headers)
    return problem(error.status_code, str(detail), headers=error.headers)


def _methods(request: Request) -> set[str]:
    """The methods that a path has. One without parameters has its own alone, not those of one like `/presets/{key}`."""
    described = request.app.openapi()["paths"].get(request.url.path, {})
    return {method for method in _METHODS if method.lower() in described} or {
        method
        for method in _METHODS
        for route in request.app.router.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    }


def _unknown(request: Request, error: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(500, "the request failed; the server's log says more")
