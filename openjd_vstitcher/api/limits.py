"""How many requests one caller may make, and how large they may be."""

from __future__ import annotations

import hashlib
import math
import time
from collections import OrderedDict
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import problem

_WINDOW_S = 10.0
_MOST_CALLERS = 10_000
_FREE = ("/health", "/ready")


class RateLimit:
    """Refuses requests of callers that make too many, each counted by its key, or by its address.

    Each server counts for itself, in memory: the limit protects the server, it is not a quota.

    Parameters
    ----------
    per_second: how many a caller may make on average; ten times as many at once. 0: any number.
    """

    def __init__(self, app: ASGIApp, per_second: float) -> None:
        self._app = app
        self._per_second = per_second
        self._most = max(1.0, per_second * _WINDOW_S)
        self._callers: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._per_second and scope["path"] not in _FREE:
            wait_s = self._wait_s(_caller(scope))
            if wait_s > 0:
                headers = {"Retry-After": str(math.ceil(wait_s))}
                reason = f"more than {self._per_second:g} requests per second"
                await problem(429, reason, headers=headers)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _wait_s(self, caller: str) -> float:
        """Count a request; how long its caller must wait before the next one is accepted, 0 if this one is."""
        now = time.monotonic()
        left, at = self._callers.pop(caller, (self._most, now))
        left = min(self._most, left + (now - at) * self._per_second)
        accepted = left >= 1.0
        self._callers[caller] = (left - accepted, now)
        if len(self._callers) > _MOST_CALLERS:
            self._callers.popitem(last=False)
        return 0.0 if accepted else (1.0 - left) / self._per_second


class _TooLarge(Exception):
    """Ends the reading of a body that has too many bytes. What the application answers to that is not sent."""


class BodyLimit:
    """Refuses requests with a large body, before it is read where its length is given.

    Parameters
    ----------
    most_bytes: the largest body.
    """

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app = app
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("content-length", "0")
        if given.isdigit() and int(given) > self._most_bytes:
            await self._refusal()(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most_bytes:
                raise _TooLarge
            return message

        async def sending(message: Message) -> None:
            if read <= self._most_bytes:
                await send(message)

        with suppress(_TooLarge):
            await self._app(scope, counted, sending)
        if read > self._most_bytes:
            await self._refusal()(scope, receive, send)

    def _refusal(self) -> Response:
        return problem(413, f"the body has more than {self._most_bytes} bytes", headers={"Connection": "close"})


def _caller(scope: Scope) -> str:
    key = Headers(scope=scope).get("authorization")
    if key is not None:
        return hashlib.sha256(key.encode()).hexdigest()
    return scope["client"][0] if scope.get("client") else ""
