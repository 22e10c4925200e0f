"""The supervisor's server socket for the engine and clients. Connections without the key are closed."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from .protocol import MAX_LINE_BYTES, ProtocolError, decode, encode

_GREETING_LIMIT_S = 5.0
_MAX_UNAUTHENTICATED = 16
_CLOSE_GRACE_S = 1.0

Serve = Callable[[dict[str, Any], asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listener:
    """Listens on a port of the loopback interface.

    Parameters
    ----------
    serve: called with the first message of each connection, if it has the key.
    """

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._key = ""
        self._server: asyncio.Server | None = None
        self._unauthenticated: list[asyncio.StreamWriter] = []
        self._connections: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Start listening."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=MAX_LINE_BYTES)

    def new_address(self) -> dict[str, Any]:
        """Host, port and a new key. The previous key is no longer accepted."""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        self._key = secrets.token_hex(32)
        return {"host": host, "port": port, "key": self._key}

    def has_key(self, key: Any) -> bool:
        """True if a key is the current one."""
        return isinstance(key, str) and hmac.compare_digest(key.encode("utf-8", "replace"), self._key.encode())

    async def close(self) -> None:
        """Stop listening, and give open connections a moment to finish."""
        assert self._server is not None
        self._server.close()
        if self._connections:
            await asyncio.wait(list(self._connections), timeout=_CLOSE_GRACE_S)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            greeting = await self._greeting(reader, writer)
            if greeting is not None:
                await self._serve(greeting, reader, writer)
        except (OSError, ProtocolError, ValueError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _greeting(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> dict[str, Any] | None:
        """The first message if it has the key, else None. Only the newest few unauthenticated connections stay open."""
        if len(self._unauthenticated) >= _MAX_UNAUTHENTICATED:
            self._unauthenticated.pop(0).close()
        self._unauthenticated.append(writer)
        try:
            greeting = decode(await asyncio.wait_for(reader.readline(), _GREETING_LIMIT_S))
        except (TimeoutError, ProtocolError, ValueError, OSError):
            return None
        finally:
            if writer in self._unauthenticated:
                self._unauthenticated.remove(writer)
        return greeting if self.has_key(greeting.pop("key", None)) else None


class Client:
    """The connection of a `daemon start|run|stop` command."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.canceled = asyncio.Event()
        self._reader = reader
        self._writer = writer

    def send(self, message: dict[str, Any]) -> None:
        """Send a message; dropped if the client has disconnected."""
        if not self._writer.is_closing():
            self._writer.write(encode(message))

    def event(self, name: str, **fields: Any) -> None:
        """Send an event for the job's journal."""
        self.send({"type": "event", "event": {"event": name, **fields}})

    async def wait_for_cancelation(self) -> None:
        """Set `canceled` when the client cancels or disconnects."""
        try:
            while line := await self._reader.readline():
                if decode(line).get("request") == "cancel":
                    break
        except (OSError, ProtocolError, ValueError):
            pass
        self.canceled.set()
