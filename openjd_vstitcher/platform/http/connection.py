"""Requests to the HTTP API: one connection for each thread, retried while the server cannot be reached."""

from __future__ import annotations

import http.client
import json
import logging
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from ...config import PlatformConfig
from ...errors import ClaimLost, InvalidInput, NotFound, PlatformError, Problem
from ...retry import Backoff
from ..hasura.credentials import Credential

_log = logging.getLogger(__name__)

_ANSWER_LIMIT_S = 60.0
_PAUSES = Backoff(first_s=0.2, longest_s=5.0)
_LOST = "urn:openjd-vstitcher:problem:claim-lost"


class Connection:
    """Calls the platform of a server. Safe to share between threads.

    Parameters
    ----------
    config: the server's URL, how long to retry while it cannot be reached, and where the API key comes from, if it
        needs one.
    """

    def __init__(self, config: PlatformConfig) -> None:
        parts = urlsplit(config.endpoint)
        self._secure, self._address = parts.scheme == "https", parts.netloc
        self._path = f"{parts.path.rstrip('/')}/api/platform/"
        has_key = config.credential_file or config.credential_variable or config.credential_command
        self._key = Credential(replace(config, auth="jwt", role="")) if has_key else None
        self._retry_limit_s = config.retry_limit_s
        self._own = threading.local()

    def call(self, name: str, *, limit_s: float | None = None, **arguments: Any) -> Any:
        """Call a method of the server's platform and return its result as JSON data.

        Parameters
        ----------
        limit_s: how long to retry; without it, the configured time.

        Raises
        ------
        PlatformError: the server cannot be reached, or refused the call; also its subclasses.
        InvalidInput: an argument is not valid.
        """
        deadline = time.monotonic() + (self._retry_limit_s if limit_s is None else limit_s)
        body = msgspec.json.encode(arguments)
        for pause_s in _PAUSES:
            try:
                return self._once(name, body)
            except PlatformError as error:
                if not error.transient or time.monotonic() + pause_s > deadline:
                    raise
                _log.info("%s; trying again", error)
                time.sleep(pause_s)
        raise AssertionError("pauses do not end")

    def close(self) -> None:
        """Close this thread's connection; those of others close with their threads."""
        self._drop()

    def _once(self, name: str, body: bytes) -> Any:
        headers = {"Content-Type": "application/json", **(self._key.headers() if self._key else {})}
        try:
            connection = self._connection()
            connection.request("POST", self._path + quote(name, safe=""), body, headers)
            answer = connection.getresponse()
            status, text = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            raise PlatformError(f"cannot reach the HTTP API at {self._address}: {error}", transient=True) from error
        if status == 200:
            return json.loads(text)["result"]
        if status == 401 and self._key is not None:
            self._key.forget()
        raise _error(status, text, self._address)

    def _connection(self) -> http.client.HTTPConnection:
        if getattr(self._own, "connection", None) is None:
            if self._secure:
                context = ssl.create_default_context()
                self._own.connection = http.client.HTTPSConnection(
                    self._address, timeout=_ANSWER_LIMIT_S, context=context
                )
            else:
                self._own.connection = http.client.HTTPConnection(self._address, timeout=_ANSWER_LIMIT_S)
        connection: http.client.HTTPConnection = self._own.connection
        return connection

    def _drop(self) -> None:
        connection = getattr(self._own, "connection", None)
        if connection is not None:
            connection.close()
            self._own.connection = None


def _error(status: int, text: bytes, address: str) -> PlatformError | InvalidInput:
    try:
        problem: Mapping[str, Any] = json.loads(text)
        detail = str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        problem, detail = {}, f"the HTTP API at {address} answered {status}"
    if status == 404 and problem:
        return NotFound(detail)
    if problem.get("type") == _LOST:
        return ClaimLost(detail)
    if status == 422:
        errors = problem.get("errors") or [{"detail": detail}]
        return InvalidInput("request", [Problem(each.get("pointer", ""), each["detail"]) for each in errors])
    if status in (401, 403):
        return PlatformError(f"the HTTP API at {address} refused the API key: {detail}", credential=True)
    return PlatformError(detail, transient=status in (429, 502, 503, 504))
