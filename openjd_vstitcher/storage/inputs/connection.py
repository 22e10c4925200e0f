"""One http or https request: to an address that was checked, and with an end however slowly the server answers."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from .hosts import PRIVATE, HttpAddress, is_public


class Forbidden(Exception):
    """A host that may not be read. The text is a predicate."""


class TooSlow(Exception):
    """The time for the request is over."""


@dataclass(frozen=True)
class Patience:
    """How long a request may take.

    Parameters
    ----------
    deadline: when it must be over, in seconds of `time.monotonic`.
    idle_s: how long the connection may stand still.
    """

    deadline: float
    idle_s: float

    def left_s(self) -> float:
        """Seconds until the deadline.

        Raises
        ------
        TooSlow: it is over.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TooSlow
        return left


@contextmanager
def get(
    address: HttpAddress, headers: Mapping[str, str], *, private: bool, patience: Patience
) -> Iterator[http.client.HTTPResponse]:
    """Send a GET request. The block reads the body; the connection is closed after it. Redirects are not followed.

    Parameters
    ----------
    private: True if the host may have a private address.

    Raises
    ------
    Forbidden: the host has a private address.
    TooSlow: the deadline has passed, also while the block reads.
    OSError, http.client.HTTPException: the request failed.
    """
    connection = (_Https if address.scheme == "https" else _Http)(address, private, patience)
    watch = threading.Timer(patience.left_s(), connection.abort)
    watch.daemon = True
    watch.start()
    try:
        connection.request("GET", address.target, headers=dict(headers))
        yield connection.getresponse()
        patience.left_s()
    except (OSError, http.client.HTTPException):
        patience.left_s()
        raise
    finally:
        watch.cancel()
        connection.end()


class _Http(http.client.HTTPConnection):
    def __init__(self, address: HttpAddress, private: bool, patience: Patience) -> None:
        super().__init__(address.host, address.port)
        self._private = private
        self._patience = patience
        self._abort: socket.socket | None = None

    def connect(self) -> None:
        self.sock = self._connected()
        self._abort = self.sock.dup()
        self._patience.left_s()

    def abort(self) -> None:
        """End the connection, from another thread: whoever waits for it gets an error or the end of the data."""
        if self._abort is not None:
            with suppress(OSError):
                self._abort.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Close everything. `close` is also called by `http.client`, while the body is still to be read."""
        self.close()
        if self._abort is not None:
            self._abort.close()

    def _connected(self) -> socket.socket:
        """A connection to the first address that answers. The name is resolved once, and each address is checked."""
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        for address in addresses:
            self._check(address)
        failure: OSError = OSError(f"{self.host} has no address")
        for address in addresses:
            try:
                limit_s = min(self._patience.idle_s, self._patience.left_s())
                connection = socket.create_connection((address, self.port), limit_s)
            except OSError as error:
                failure = error
                continue
            with _closed_on_error(connection):
                self._check(str(connection.getpeername()[0]))
            return connection
        raise failure

    def _check(self, address: str) -> None:
        if not self._private and not is_public(address):
            raise Forbidden(PRIVATE)


class _Https(_Http):
    default_port = http.client.HTTPS_PORT

    def connect(self) -> None:
        super().connect()
        context: Any = ssl.create_default_context()
        self.sock = context.wrap_socket(self.sock, server_hostname=self.host)


@contextmanager
def _closed_on_error(connection: socket.socket) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise
