"""The messages between supervisor, engine and clients: JSON lines over loopback. Keeps imports to a minimum."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from socket import create_connection, socket

from ..files import read_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_LINE_BYTES = 16 * 1024 * 1024
"""The longest message allowed; a connection that sends a longer one is closed."""


class ProtocolError(Exception):
    """Something other than a message was received, or there is no connection."""


def encode(message: dict[str, Any]) -> bytes:
    """A message as one line of ASCII JSON."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """Parse one line.

    Raises
    ------
    ProtocolError: the line is too long, or is not a JSON object.
    """
    if len(line) > MAX_LINE_BYTES:
        raise ProtocolError(f"received a message of over {MAX_LINE_BYTES} bytes")
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"received a message that is not JSON: {error}") from None
    if not isinstance(message, dict):
        raise ProtocolError("received a message that is not a JSON object")
    return message


def receive(sock: socket) -> Iterator[dict[str, Any]]:
    """Receive messages from a socket until the other side closes it.

    A socket timeout does not end it: it only lets signal handlers run, which Windows needs.

    Raises
    ------
    ProtocolError: the connection breaks, or something other than messages arrives.
    """
    buffer = b""
    while True:
        try:
            data = sock.recv(65536)
        except TimeoutError:
            continue
        except OSError as error:
            raise ProtocolError(f"lost the connection: {error}") from error
        if not data:
            return
        *lines, buffer = (buffer + data).split(b"\n")
        for line in lines:
            yield decode(line)
        if len(buffer) > MAX_LINE_BYTES:
            raise ProtocolError(f"received a message of over {MAX_LINE_BYTES} bytes")


def read_connection(path: str) -> dict[str, Any]:
    """Read a connection file: where the supervisor listens, and the key it requires.

    Raises
    ------
    ProtocolError: there is no such file, or it is not a connection file.
    """
    try:
        connection = json.loads(read_whole(path))
        host, port, key = connection["host"], connection["port"], connection["key"]
    except OSError as error:
        raise ProtocolError(
            f"no engine is running: cannot read the connection file {path}: {error.strerror}"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ProtocolError(f"{path} is not a connection file") from error
    if not (isinstance(host, str) and isinstance(port, int) and isinstance(key, str)):
        raise ProtocolError(f"{path} is not a connection file")
    return dict(connection)


def connect(path: str, request: dict[str, Any], *, timeout_s: float = 10.0) -> socket:
    """Connect to the supervisor of a connection file and send the first message, with the key added.

    Raises
    ------
    ProtocolError: it cannot be reached.
    """
    connection = read_connection(path)
    try:
        sock = create_connection((connection["host"], connection["port"]), timeout_s)
        sock.sendall(encode({"key": connection["key"], **request}))
    except OSError as error:
        raise ProtocolError(f"no engine is running: its supervisor does not answer ({error})") from error
    sock.settimeout(0.5 if os.name == "nt" else None)
    return sock
