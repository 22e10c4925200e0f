"""Hasura's HTTP endpoints over the engine."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from tests.hasura.admin import run_command
from tests.hasura.auth import Authenticator
from tests.hasura.engine import Engine, Pool, Request
from tests.hasura.errors import HasuraError
from tests.hasura.metadata import Metadata, load_metadata
from tests.hasura.permissions import ADMIN, Session
from tests.hasura.subscriptions import Connection


@dataclass(frozen=True)
class Settings:
    """How a server runs.

    Parameters: `metadata` is a project directory, or `None` for nothing tracked; `live_query_interval_s` is the
    time between two runs of a subscription; `pool_size` the number of database connections;
    `stringify_numbers` gives bigint, numeric and double precision as strings; `version` is what it says it is.
    """

    database_url: str
    metadata: Path | None = None
    authenticator: Authenticator = field(default_factory=Authenticator)
    live_query_interval_s: float = 1.0
    pool_size: int = 10
    stringify_numbers: bool = False
    version: str = "v2-test-server"


def create_app(settings: Settings) -> Starlette:
    """The ASGI application. Reading the metadata fails at its start, not at the first request."""
    pool: Pool = AsyncConnectionPool(
        settings.database_url,
        min_size=1,
        max_size=settings.pool_size,
        open=False,
        timeout=30,
        kwargs={"autocommit": True},
    )
    metadata = load_metadata(settings.metadata) if settings.metadata else Metadata()
    endpoints = Endpoints(Engine(pool, metadata, settings.stringify_numbers), settings)
    return Starlette(
        routes=[
            Route("/healthz", endpoints.health),
            Route("/hasura/healthz", endpoints.health),
            Route("/v1/version", endpoints.version),
            Route("/v1/graphql", endpoints.graphql, methods=["POST"]),
            Route("/v1alpha1/graphql", endpoints.graphql, methods=["POST"]),
            *(Route(path, endpoints.command, methods=["POST"]) for path in ("/v1/metadata", "/v2/query", "/v1/query")),
            WebSocketRoute("/v1/graphql", endpoints.websocket),
        ],
        lifespan=endpoints.lifespan,
    )


class Endpoints:
    """The handlers, each for one path."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Opens the connections and reads the catalogue before the first request."""
        async with self._engine.pool:
            await self._engine.load()
            yield

    async def health(self, _: HttpRequest) -> Response:
        return PlainTextResponse("OK")

    async def version(self, _: HttpRequest) -> Response:
        return JSONResponse({"server_type": "ce", "version": self._settings.version})

    async def websocket(self, socket: WebSocket) -> None:
        interval_s = self._settings.live_query_interval_s
        await Connection(socket, self._engine, self._settings.authenticator.authenticate, interval_s).serve()

    async def graphql(self, http: HttpRequest) -> Response:
        """A query or mutation, or a list of them. Errors come with status 200, except under `/v1alpha1`."""
        legacy = http.url.path.startswith("/v1alpha1")
        try:
            session = self._settings.authenticator.authenticate(http.headers)
            body = await _json_body(http)
        except HasuraError as error:
            return _json(json.dumps({"errors": [error.as_graphql()]}), 400 if legacy else 200)
        if isinstance(body, list):
            answers = [(await self._answer(item, session))[0] for item in body]
            return _json(f"[{','.join(answers)}]")
        text, ok = await self._answer(body, session)
        return _json(text, 400 if legacy and not ok else 200)

    async def _answer(self, body: Any, session: Session) -> tuple[str, bool]:
        try:
            prepared = self._engine.prepare(Request.from_json(body), session)
            if prepared.operation.value == "subscription":
                raise HasuraError("subscriptions are not supported over HTTP, use websockets instead")
            return f'{{"data":{await self._engine.run(prepared)}}}', True
        except HasuraError as error:
            entry = error.as_graphql(show_internal=session.role == ADMIN)
            return json.dumps({"errors": [entry]}), False

    async def command(self, http: HttpRequest) -> Response:
        """An administrator's command: SQL or a change of metadata."""
        try:
            session = self._settings.authenticator.authenticate(http.headers)
            if session.role != ADMIN:
                raise HasuraError("restricted access : admin only", "access-denied")
            return JSONResponse(await run_command(self._engine, await _json_body(http), self._reread))
        except HasuraError as error:
            return JSONResponse(error.as_legacy(), 400)

    def _reread(self) -> Metadata:
        directory = self._settings.metadata
        return load_metadata(directory) if directory else self._engine.metadata


async def _json_body(http: HttpRequest) -> Any:
    try:
        return json.loads(await http.body())
    except ValueError as error:
        raise HasuraError(f"invalid json: {error}", "invalid-json") from error


def _json(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(text, status, headers, media_type="application/json")
