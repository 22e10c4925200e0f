"""Where engine and clients connect to the supervisor: lets in who has the key, and cuts off everyone else."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from .protocol import MAX_LINE_BYTES, ProtocolError, decode, encode

_GREETING_LIMIT_S = 5.0
_STRANGERS = 16
_GOODBYE_S = 1.0

Serve = Callable[[dict[str, Any], asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listener:
    """Listens on a port of the loopback interface.

    Parameters
    ----------
    serve: called with the first message of each connection that brought the key.
    """

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._key = ""
        self._server: asyncio.Server | None = None
        self._strangers: list[asyncio.StreamWriter] = []
        self._conversations: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._converse, "127.0.0.1", 0, limit=MAX_LINE_BYTES)

    def new_address(self) -> dict[str, Any]:
        """Host, port and a new key; the one before lets nobody in any more."""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        self._key = secrets.token_hex(32)
        return {"host": host, "port": port, "key": self._key}

    def has_key(self, key: Any) -> bool:
        """Whether a key is the current one."""
        return isinstance(key, str) and hmac.compare_digest(key.encode("utf-8", "replace"), self._key.encode())

    async def close(self) -> None:
        """Let conversations end, for a moment."""
        assert self._server is not None
        self._server.close()
        if self._conversations:
            await asyncio.wait(list(self._conversations), timeout=_GOODBYE_S)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._conversations.add(task)
        try:
            greeting = await self._greeting(reader, writer)
            if greeting is not None:
                await self._serve(greeting, reader, writer)
        except (OSError, ProtocolError, ValueError):
            pass
        finally:
            self._conversations.discard(task)
            writer.close()

    async def _greeting(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> dict[str, Any] | None:
        """The first message of who has the key; None for everyone else. Of those only the newest few are heard."""
        if len(self._strangers) >= _STRANGERS:
            self._strangers.pop(0).close()
        self._strangers.append(writer)
        try:
            greeting = decode(await asyncio.wait_for(reader.readline(), _GREETING_LIMIT_S))
        except (TimeoutError, ProtocolError, ValueError, OSError):
            return None
        finally:
            if writer in self._strangers:
                self._strangers.remove(writer)
        return greeting if self.has_key(greeting.pop("key", None)) else None


class Client:
    """A connection of `daemon start|run`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.canceled = asyncio.Event()
        self._reader = reader
        self._writer = writer

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message; who has gone hears nothing."""
        if not self._writer.is_closing():
            self._writer.write(encode(message))

    def event(self, name: str, **fields: Any) -> None:
        """Send a fact for the job's journal."""
        self.tell({"type": "event", "event": {"event": name, **fields}})

    async def watch(self) -> None:
        """Take a cancelation; a client that goes away cancels, too."""
        try:
            while line := await self._reader.readline():
                if decode(line).get("request") == "cancel":
                    break
        except (OSError, ProtocolError, ValueError):
            pass
        self.canceled.set()
