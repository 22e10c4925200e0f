"""Requests to a Hasura endpoint over one connection, with retries of transient failures. Knows no tables."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportError, TransportQueryError, TransportServerError
from graphql import DocumentNode

from ...config import PlatformConfig
from ...documents.data import TOO_DEEP
from ...errors import PlatformError, Unreadable
from ...retry import Backoff
from .credentials import Credential
from .refusal import REFUSED_CREDENTIAL, RequestRefused, refusal
from .transports import NO_REDIRECTS, WebsocketTransport, http_transport, version_at

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_GRAPHQL = "/v1/graphql"
_REQUEST_LIMIT_S = 30
_RETRIES = Backoff(first_s=0.2, longest_s=5.0)


class Connection:
    """Sends requests from any thread; they run on one event loop, in its own thread.

    Parameters
    ----------
    config: endpoint, credential, and how long to retry.

    Raises
    ------
    ConfigError: the credential has no source.
    """

    def __init__(self, config: PlatformConfig) -> None:
        self._address = urlsplit(config.endpoint)
        self._endpoint = config.endpoint
        self._retry_limit_s = config.retry_limit_s
        self._credential = Credential(config)
        self.worker = socket.gethostname()
        """The worker that makes the requests, for a credential that does not name it."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="hasura", daemon=True)
        self._thread.start()
        transport = http_transport(self._endpoint, limit_s=_REQUEST_LIMIT_S)
        self._client = Client(transport=transport, execute_timeout=None)
        self._session = self.run(self._client.connect_async())  # type: ignore[no-untyped-call]  # gql has no types here

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine on the connection's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def start(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        """Let a coroutine run on the connection's loop until it ends, is canceled, or the connection is closed."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        future.add_done_callback(_log_failure)
        return future

    def close(self) -> None:
        """Cancel everything that runs on the loop, and close the connection."""
        if self._loop.is_closed():
            return
        self.run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def execute(
        self, document: DocumentNode, variables: Mapping[str, Any] | None = None, *, limit_s: float | None = None
    ) -> dict[str, Any]:
        """Send a request and return its data; transient failures are retried with backoff and jitter.

        Parameters
        ----------
        limit_s: the time for answer and retries; without it, the configured time to retry.

        Raises
        ------
        RequestRefused: Hasura refused the request.
        Unreadable: the answer holds data that is nested too deeply.
        PlatformError: no valid answer arrived before the time was over.
        """
        request = GraphQLRequest(document, variable_values=dict(variables or {}))
        deadline = time.monotonic() + (self._retry_limit_s if limit_s is None else limit_s)
        renewed = False
        for pause_s in _RETRIES:
            try:
                return self._send(request, None if limit_s is None else deadline)
            except PlatformError as error:
                renewable = error.credential and not renewed
                if not (renewable or error.transient) or time.monotonic() + pause_s > deadline:
                    raise
                renewed = renewed or renewable
                _log.info("trying again: %s", error)
            time.sleep(pause_s)
        raise AssertionError("the pauses never end")

    async def subscribe(self, document: DocumentNode, variables: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """The results of a subscription over one websocket, until it breaks.

        Raises
        ------
        TransportError, OSError: the websocket was refused or broke.
        """
        headers = await asyncio.to_thread(self._credential.headers, worker=self.worker)
        scheme = "wss" if self._address.scheme == "https" else "ws"
        transport = WebsocketTransport(
            urlunsplit(self._address._replace(scheme=scheme)),
            init_payload={"headers": dict(headers)},
            ping_interval=20,
            pong_timeout=20,
            close_timeout=2,
        )
        async with Client(transport=transport, execute_timeout=None) as session:
            async for result in session.subscribe(GraphQLRequest(document, variable_values=dict(variables))):
                yield result

    def version(self) -> str:
        """Hasura's version, such as `v2.48.1`; "" if the endpoint does not say."""
        if not self._address.path.endswith(_GRAPHQL):
            return ""
        path = self._address.path.removesuffix(_GRAPHQL) + "/v1/version"
        return self.run(version_at(urlunsplit(self._address._replace(path=path))))

    def forget_credential(self) -> None:
        """Read the credential again before the next request."""
        self._credential.forget()

    def _send(self, request: GraphQLRequest, deadline: float | None) -> dict[str, Any]:
        headers = self._credential.headers(worker=self.worker)
        left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
        try:
            sent = self._session.execute(request, extra_args={"headers": headers, **NO_REDIRECTS})
            answer = self.run(asyncio.wait_for(sent, left_s))
        except TransportQueryError as error:
            refused = refusal(error)
            if refused.code in REFUSED_CREDENTIAL:
                self._credential.forget()
            raise refused from None
        except TransportServerError as error:
            if error.code in (401, 403):
                self._credential.forget()
                raise RequestRefused(
                    f"{self._endpoint} answered {error.code}", code="access-denied", transient=False
                ) from error
            transient = error.code is None or error.code == 429 or error.code >= 500
            reason = f": {error}" if error.code is not None and error.code < 400 else ""
            raise PlatformError(f"{self._endpoint} answered {error.code}{reason}", transient=transient) from error
        except (TransportError, OSError, TimeoutError) as error:
            if isinstance(error.__context__, RecursionError):  # while gql read the JSON of the answer
                raise Unreadable(f"the answer of {self._endpoint} is {TOO_DEEP}") from None
            raise PlatformError(f"cannot reach {self._endpoint}: {_short(error)}", transient=True) from error
        return dict(answer)

    async def _stop(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._client.close_async()  # type: ignore[no-untyped-call]  # gql has no types here


def _log_failure(done: Future[None]) -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        _log.error("a background task failed: %s", _short(error), exc_info=error)


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
