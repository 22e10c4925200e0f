"""A connection that the process of an attempt holds open: when it closes, the engine's supervisor ends the engine."""

from __future__ import annotations

import hmac
import secrets
import selectors
import socket
import threading
import time
from dataclasses import dataclass, field

LIFELINE_VARIABLE = "OPENJD_VS_LIFELINE"
ENGINE_LOG_VARIABLE = "OPENJD_VS_ENGINE_LOG"
CONFIRMATION = b"held\n"
"""What a connection that gave the token receives."""

_GREETING_LIMIT_S = 5.0
_MOST_GREETING = 16
"""The most connections that have not given the token; a further one takes the place of the oldest."""
_MOST_HELD = 16
_LONGEST_GREETING = 256
_POLL_S = 0.5


@dataclass(eq=False)
class _Connection:
    socket: socket.socket
    since_s: float = field(default_factory=time.monotonic)
    received: bytes = b""
    held: bool = False


class Lifeline:
    """Connections that this process holds open; who is at the other end learns of its end, however it comes.

    The engine's supervisor connects to `address`, sends the token in it as a line, and stops the engine when the
    connection closes. Other connections, and how many there can be, are limited, so that no other process of the
    machine can use up this one's descriptors.
    """

    def __init__(self) -> None:
        self._token = secrets.token_hex(16)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self._connections: list[_Connection] = []
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._closed = threading.Event()
        host, port = self._listener.getsockname()
        self.address = f"{host}:{port}:{self._token}"
        self._thread = threading.Thread(target=self._serve, name="lifeline", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let go of every connection."""
        self._closed.set()
        self._thread.join()

    def _serve(self) -> None:
        try:
            while not self._closed.is_set():
                ready = [key.data for key, _ in self._selector.select(_POLL_S)]
                for connection in filter(None, ready):  # who gave the token must not lose its place to a new one
                    self._read(connection)
                if None in ready:
                    self._accept()
                limit_s = time.monotonic() - _GREETING_LIMIT_S
                for connection in [c for c in self._connections if not c.held and c.since_s < limit_s]:
                    self._drop(connection)
        finally:
            for connection in list(self._connections):
                self._drop(connection)
            self._selector.close()
            self._listener.close()

    def _accept(self) -> None:
        try:
            accepted, _ = self._listener.accept()
        except OSError:  # gone again, or no descriptor is free
            self._closed.wait(_POLL_S / 10)
            return
        accepted.setblocking(False)
        greeting = [connection for connection in self._connections if not connection.held]
        if len(greeting) >= _MOST_GREETING:
            self._drop(greeting[0])
        connection = _Connection(accepted)
        self._connections.append(connection)
        self._selector.register(accepted, selectors.EVENT_READ, connection)

    def _read(self, connection: _Connection) -> None:
        """Take what a connection sent. One that gave the token has nothing more to say."""
        try:
            data = connection.socket.recv(_LONGEST_GREETING)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        connection.received += data
        line, end, _ = connection.received.partition(b"\n")
        room = sum(other.held for other in self._connections) < _MOST_HELD
        if not data or connection.held or len(connection.received) > _LONGEST_GREETING:
            self._drop(connection)
        elif end and hmac.compare_digest(line, self._token.encode()) and room:
            connection.held = True
            try:
                connection.socket.send(CONFIRMATION)
            except OSError:
                self._drop(connection)
        elif end:
            self._drop(connection)

    def _drop(self, connection: _Connection) -> None:
        self._connections.remove(connection)
        self._selector.unregister(connection.socket)
        connection.socket.close()
