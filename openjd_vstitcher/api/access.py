"""Who may do what: API keys with scopes, and requests from this machine."""

from __future__ import annotations

import ipaddress
import logging
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Header, Request
from starlette.exceptions import HTTPException

from ..config import ServerConfig
from ..errors import InvalidInput
from .key_file import SCOPES, ApiKey
from .service import Service, Serving

_log = logging.getLogger(__name__)

LOCAL = ApiKey("", "this machine", SCOPES, datetime(1970, 1, 1, tzinfo=UTC), None, "")
"""Stands for a caller that needs no key."""

_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


def caller(request: Request, service: Serving, authorization: Annotated[str | None, Header()] = None) -> ApiKey:
    """The key of a request.

    Raises
    ------
    HTTPException: it has none, and needs one.
    """
    if authorization is not None:
        scheme, _, text = authorization.partition(" ")
        key = _key(service, text.strip()) if scheme.lower() == "bearer" else None
        if key is None:
            raise _no_key("this API key is not valid, or it has expired")
        return key
    if needs_no_key(request, service.config.server):
        return LOCAL
    raise _no_key("an API key is needed: Authorization: Bearer KEY")


def _key(service: Service, text: str) -> ApiKey | None:
    try:
        return service.keys.key_of(text)
    except (InvalidInput, OSError) as error:
        _log.error("the API keys cannot be read: %s", error)  # the reason is the whole story
        raise HTTPException(503, "the API keys cannot be read; the server's log says more") from error


Caller = Annotated[ApiKey, Depends(caller)]


def needs(scope: str) -> Any:
    """A dependency that accepts only callers whose key has a scope."""

    def check(key: Caller) -> ApiKey:
        if scope not in key.scopes:
            raise HTTPException(403, f"this API key lacks the scope {scope}")
        return key

    return Depends(check)


def needs_no_key(request: Request, config: ServerConfig) -> bool:
    """Whether a request without a key is accepted.

    From this machine it is where the server listens on loopback only. A request that a proxy passed on comes from
    elsewhere, and one whose Host is another name was made by a web page that had its name resolved to this machine.
    """
    if config.auth != "auto":
        return config.auth == "none"
    client = request.client.host if request.client else ""
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    direct = not any(name in request.headers for name in _FORWARDED)
    return is_loopback(config.host) and is_loopback(client) and is_loopback(host) and direct


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name or address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _no_key(reason: str) -> HTTPException:
    return HTTPException(401, reason, headers={"WWW-Authenticate": 'Bearer realm="openjd-vstitcher"'})
