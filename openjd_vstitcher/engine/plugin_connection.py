"""The supervisor's end of the connection to the plugin inside the engine."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from .protocol import ProtocolError, decode, encode


class PluginConnection:
    """Sends messages to the plugin and queues those from it. Heartbeats only update `calls` and `current_call`."""

    def __init__(self) -> None:
        self.hello: dict[str, Any] = {}
        self.calls = 0
        self.current_call = ""
        self._writer: asyncio.StreamWriter | None = None
        self._received: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._attached = asyncio.Event()

    @property
    def attached(self) -> bool:
        """True once the plugin has connected."""
        return self._attached.is_set()

    @property
    def open(self) -> bool:
        """True while the plugin is connected."""
        return self._writer is not None and not self._writer.is_closing()

    def attach(self, hello: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        """Use a connection whose first message was the plugin's `hello`."""
        self.hello = hello
        self._writer = writer
        self._attached.set()

    async def wait_attached(self, timeout_s: float) -> bool:
        """Wait until the plugin has connected; False at the timeout."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._attached.wait(), timeout_s)
        return self.attached

    async def read(self, reader: asyncio.StreamReader) -> None:
        """Queue the plugin's messages until the connection closes."""
        try:
            while line := await reader.readline():
                message = decode(line)
                if message.get("type") == "heartbeat":
                    self.calls, self.current_call = message.get("calls", 0), message.get("call") or ""
                else:
                    self._received.put_nowait(message)
        except (ProtocolError, ValueError, OSError):
            pass
        self._received.put_nowait(None)

    async def send(self, message: dict[str, Any]) -> None:
        """Send a message.

        Raises
        ------
        ProtocolError: the plugin is not connected, or the connection is broken.
        """
        if self._writer is None:
            raise ProtocolError("the engine is not connected")
        try:
            self._writer.write(encode(message))
            await self._writer.drain()
        except OSError as error:
            raise ProtocolError(f"cannot send to the engine: {error}") from error

    def send_soon(self, message: dict[str, Any]) -> None:
        """Send a message without waiting; dropped if the plugin is not connected."""
        if self.open and self._writer is not None:
            self._writer.write(encode(message))

    async def receive(self, timeout_s: float) -> dict[str, Any] | None:
        """The next message; None at the timeout and when the plugin has disconnected."""
        try:
            message = await asyncio.wait_for(self._received.get(), timeout_s)
        except TimeoutError:
            return None
        if message is None:
            self.close()
        return message

    def close(self) -> None:
        """Close the connection."""
        if self._writer is not None:
            self._writer.close()
