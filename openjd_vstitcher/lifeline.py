"""A connection that the process of an attempt holds open: when it closes, the engine's supervisor ends the engine."""

from __future__ import annotations

import logging
import socket
import threading

LIFELINE_VARIABLE = "OPENJD_VS_LIFELINE"
ENGINE_LOG_VARIABLE = "OPENJD_VS_ENGINE_LOG"


class Lifeline:
    """Connections that this process holds open; who is at the other end learns of its end, however it comes.

    The engine's supervisor connects to `address` and stops the engine when the connection closes.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._held: list[socket.socket] = []
        host, port = self._listener.getsockname()
        self.address = f"{host}:{port}"
        threading.Thread(target=self._accept, name="lifeline", daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._held.append(connection)

    def close(self) -> None:
        """Let go of every connection."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            logging.getLogger(__name__).debug("the lifeline was not connected")
        self._listener.close()
        for connection in self._held:
            connection.close()
