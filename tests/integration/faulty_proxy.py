"""A TCP proxy on the loopback interface that fails on demand, as networks and gateways do."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from typing import Any

_ANSWERS = {
    503: b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    403: b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
}


class FaultyProxy:
    """Forwards to a port of this machine until it is told to fail.

    `status`: answers with it itself, 503 or 403. `websockets_refused`: answers 403 to a websocket's handshake. `cut`
    drops all connections. `lose_answers` cuts the next connections at the moment when the answer to a request arrives.
    """

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._writers: set[asyncio.StreamWriter] = set()
        self._answers_to_lose = 0
        self.status: int | None = None
        self.websockets_refused = False
        self.requests = 0
        self.refused = 0
        self.websockets = 0
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/graphql"

    def lose_answers(self, count: int) -> None:
        self._answers_to_lose = count

    def cut(self) -> None:
        self._run(self._cut())

    def fail(self, status: int = 503) -> None:
        """Answers so from now on, on connections that are there too."""
        self.status = status
        self.cut()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            head = await reader.read(65536)
            websocket = b"upgrade: websocket" in head.lower()
            self.websockets += websocket
            if self.status or (websocket and self.websockets_refused):
                self.refused += 1
                writer.write(_ANSWERS[self.status or 403])
                await writer.drain()
                return
            onward, back = await asyncio.open_connection("127.0.0.1", self._target_port)
            back.write(head)
            await asyncio.wait(
                [asyncio.create_task(self._pump(reader, back)), asyncio.create_task(self._answer(onward, writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )
            back.close()
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                self.requests += data.startswith(b"HTTP/1.1 200")
                if self._answers_to_lose:
                    self._answers_to_lose -= 1
                    writer.transport.abort()
                    return
                writer.write(data)
                await writer.drain()


@contextlib.contextmanager
def faulty_proxy(target_port: int) -> Iterator[FaultyProxy]:
    proxy = FaultyProxy(target_port)
    try:
        yield proxy
    finally:
        proxy.close()
