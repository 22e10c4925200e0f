"""Subscriptions over websocket: live queries, re-run and pushed on change, and streams that follow a cursor."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from graphql import OperationType
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from tests.hasura.catalogue import Column, quote
from tests.hasura.conditions import Statement
from tests.hasura.documents import Selection
from tests.hasura.engine import Engine, Prepared, Request
from tests.hasura.errors import HasuraError
from tests.hasura.permissions import Session, TableAccess
from tests.hasura.schema import op_of
from tests.hasura.sql import Compiler

TRANSPORT, LEGACY = "graphql-transport-ws", "graphql-ws"
_NORMAL, _BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _INIT_TIMEOUT = 1000, 4400, 4401, 4403, 4408
_DUPLICATE, _TOO_MANY_INITS = 4409, 4429
_INIT_TIMEOUT_S = 10.0


async def live_query(engine: Engine, prepared: Prepared, interval_s: float) -> AsyncIterator[str]:
    """The JSON text of `data`, at first and whenever it has changed since."""
    last: str | None = None
    while True:
        data = await engine.run(prepared)
        if data != last:
            last = data
            yield data
        await asyncio.sleep(interval_s)


async def stream(engine: Engine, prepared: Prepared, interval_s: float) -> AsyncIterator[str]:
    """Batches of rows past the cursor, each row once; nothing is pushed while there are none."""
    selection = prepared.selections[0]
    access = op_of(selection.field).access
    assert access is not None
    cursor = _Cursor(access, selection)
    while True:
        statement = Statement(engine.model, prepared.session)
        sql = cursor.batch(statement)
        rows, last, size = await engine.fetch(sql, statement)
        if size:
            cursor.advance(last)
            yield f"{{{json.dumps(selection.key)}:{rows}}}"
        if size < selection.args["batch_size"]:
            await asyncio.sleep(interval_s)


class _Cursor:
    """Where a stream is: a column of the table, the direction, and the last value that was pushed."""

    def __init__(self, access: TableAccess, selection: Selection) -> None:
        self._access = access
        self._selection = selection
        cursor = next((c for c in selection.args["cursor"] if c), None)
        if cursor is None or len(cursor["initial_value"]) != 1:
            raise HasuraError("one streaming column field is expected", path=f"{selection.path}.args.cursor")
        self._name, self._value = next(iter(cursor["initial_value"].items()))
        self._descending = cursor.get("ordering") == "DESC"

    @property
    def _column(self) -> Column:
        return self._access.columns[self._name]

    def batch(self, statement: Statement) -> str:
        """A statement for the next batch and the cursor after it."""
        access, column = self._access, self._column
        alias, base = statement.alias(), statement.alias()
        conditions = [
            statement.permission(alias, access, access.filter),
            statement.where(alias, access, self._selection.args.get("where") or {}),
        ]
        if self._value is not None:
            operator = "<" if self._descending else ">"
            value = statement.bind(self._value, column.sql_type)
            conditions.append(f"{alias}.{quote(column.name)} {operator} {value}")
        order = f"{quote(column.name)} {'DESC' if self._descending else 'ASC'}"
        past = f"{quote(column.name)} {'ASC' if self._descending else 'DESC'}"
        limit = statement.bind(self._selection.args["batch_size"], "bigint")
        fields = Compiler(statement).fields(base, self._selection.children)
        rows = f"SELECT coalesce(json_agg(row_to_json(e)), '[]') FROM (SELECT {fields} FROM {base}) AS e"
        last = f"SELECT {quote(column.name)}::text FROM {base} ORDER BY {past} LIMIT 1"
        return (
            f"WITH {base} AS MATERIALIZED (SELECT {alias}.* FROM {access.table.sql} AS {alias} "
            f"WHERE {' AND '.join(conditions)} ORDER BY {alias}.{order} LIMIT {limit}) "
            f"SELECT ({rows})::text, ({last}), (SELECT count(*) FROM {base})"
        )

    def advance(self, last: str) -> None:
        """Moves past the batch that was pushed."""
        self._value = last


class Connection:
    """One websocket, in the `graphql-transport-ws` protocol or Apollo's older `graphql-ws`."""

    def __init__(
        self,
        socket: WebSocket,
        engine: Engine,
        authenticate: Callable[[Mapping[str, str]], Session],
        interval_s: float,
    ) -> None:
        self._socket = socket
        self._engine = engine
        self._authenticate = authenticate
        self._interval_s = interval_s
        self._session: Session | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._expiry: asyncio.Task[None] | None = None
        self._legacy = False

    async def serve(self) -> None:
        """Answers messages until either side closes."""
        offered = self._socket.scope.get("subprotocols") or []
        protocol = next((p for p in (TRANSPORT, LEGACY) if p in offered), None)
        self._legacy = protocol != TRANSPORT
        await self._socket.accept(subprotocol=protocol)
        try:
            while True:
                wait_s = None if self._session else _INIT_TIMEOUT_S
                text = await asyncio.wait_for(self._socket.receive_text(), wait_s)
                if not await self._handle(json.loads(text)):
                    return
        except TimeoutError:
            await self._close(_INIT_TIMEOUT, "Connection initialisation timeout")
        except (WebSocketDisconnect, RuntimeError):
            return
        except ValueError:
            await self._close(_BAD_REQUEST, "Invalid message")
        finally:
            await self._stop_all()

    async def _handle(self, message: dict[str, Any]) -> bool:
        """Answers one message; false when the connection is closed."""
        match message.get("type"):
            case "connection_init":
                return await self._init(message.get("payload") or {})
            case "ping":
                await self._send({"type": "pong"})
            case "pong":
                pass
            case "subscribe" | "start":
                return await self._subscribe(message)
            case "complete" | "stop":
                await self._stop(message["id"])
                if self._legacy:
                    await self._send({"id": message["id"], "type": "complete"})
            case "connection_terminate":
                return await self._close(_NORMAL, "")
            case _:
                return await self._close(_BAD_REQUEST, "Invalid message")
        return True

    async def _init(self, payload: dict[str, Any]) -> bool:
        if self._session is not None:
            return await self._close(_TOO_MANY_INITS, "Too many initialisation requests")
        headers = {**self._socket.headers, **(payload.get("headers") or {})}
        try:
            self._session = self._authenticate(headers)
        except HasuraError as error:
            if self._legacy:
                await self._send({"type": "connection_error", "payload": error.message})
                return await self._close(_BAD_REQUEST, f"Connection initialization failed: {error.message}")
            return await self._close(_FORBIDDEN, "Forbidden")
        await self._send({"type": "connection_ack"})
        if self._legacy:
            await self._send({"type": "ka"})
        if self._session.expires_at is not None:
            self._expiry = asyncio.create_task(self._expire(self._session.expires_at))
        return True

    async def _expire(self, expires_at: float) -> None:
        await asyncio.sleep(max(0.0, expires_at - time.time()))
        await self._close(_NORMAL, "")

    async def _subscribe(self, message: dict[str, Any]) -> bool:
        if self._session is None:
            return await self._close(_UNAUTHORIZED, "Unauthorized")
        identity = message.get("id")
        if not isinstance(identity, str):
            return await self._close(_BAD_REQUEST, "Invalid message")
        if identity in self._tasks:
            return await self._close(_DUPLICATE, f"Subscriber for {identity} already exists")
        self._tasks[identity] = asyncio.create_task(self._answer(identity, message, self._session))
        return True

    async def _answer(self, identity: str, message: dict[str, Any], session: Session) -> None:
        kind = "data" if self._legacy else "next"
        try:
            prepared = self._engine.prepare(Request.from_json(message.get("payload")), session)
            async for data in self._results(prepared):
                await self._send_text(f'{{"type":"{kind}","id":{json.dumps(identity)},"payload":{{"data":{data}}}}}')
            await self._send({"id": identity, "type": "complete"})
        except HasuraError as error:
            await self._send({"id": identity, "type": "error", "payload": self._errors(error)})
        finally:
            self._tasks.pop(identity, None)

    def _errors(self, error: HasuraError) -> Any:
        entry = error.as_graphql()
        return {"errors": [entry]} if self._legacy else [entry]

    def _results(self, prepared: Prepared) -> AsyncIterator[str]:
        if prepared.operation != OperationType.SUBSCRIPTION:
            return self._once(prepared)
        selection = prepared.selections[0]
        if selection.field.extensions and op_of(selection.field).kind == "stream":
            return stream(self._engine, prepared, self._interval_s)
        return live_query(self._engine, prepared, self._interval_s)

    async def _once(self, prepared: Prepared) -> AsyncIterator[str]:
        yield await self._engine.run(prepared)

    async def _stop(self, identity: str) -> None:
        if task := self._tasks.pop(identity, None):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _stop_all(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        for identity in list(self._tasks):
            await self._stop(identity)

    async def _close(self, code: int, reason: str) -> bool:
        """Closes the websocket, with a reason in Hasura's form. False, for those who answer a message with it."""
        if code >= _BAD_REQUEST:
            reason = json.dumps({"server_error_msg": f"{code}: {reason}"})
        if self._socket.application_state == WebSocketState.CONNECTED:
            with contextlib.suppress(RuntimeError):
                await self._socket.close(code, reason)
        return False

    async def _send(self, message: dict[str, Any]) -> None:
        await self._send_text(json.dumps(message))

    async def _send_text(self, text: str) -> None:
        if self._socket.application_state == WebSocketState.CONNECTED:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await self._socket.send_text(text)
