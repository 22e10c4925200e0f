"""The messages between supervisor, engine and clients: JSON lines over loopback. Imports as little as it can."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from socket import create_connection, socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_LINE_BYTES = 16 * 1024 * 1024
"""The longest message; whoever sends more is cut off."""


class ProtocolError(Exception):
    """What arrived is no message, or there is nobody to talk to."""


def encode(message: dict[str, Any]) -> bytes:
    """A message as one line of ASCII JSON."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """The message of one line.

    Raises
    ------
    ProtocolError: the line is too long, no JSON, or no JSON object.
    """
    if len(line) > MAX_LINE_BYTES:
        raise ProtocolError(f"a message of over {MAX_LINE_BYTES} bytes")
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a message that is no JSON: {error}") from None
    if not isinstance(message, dict):
        raise ProtocolError("a message that is no JSON object")
    return message


def receive(sock: socket) -> Iterator[dict[str, Any]]:
    """The messages that arrive on a socket, until the other side closes it.

    A timeout of the socket is not an end: it only gives signal handlers a turn (Windows needs that).

    Raises
    ------
    ProtocolError: the connection breaks or something else than messages arrives.
    """
    buffer = b""
    while True:
        try:
            data = sock.recv(65536)
        except TimeoutError:
            continue
        except OSError as error:
            raise ProtocolError(f"the connection broke: {error}") from error
        if not data:
            return
        *lines, buffer = (buffer + data).split(b"\n")
        for line in lines:
            yield decode(line)
        if len(buffer) > MAX_LINE_BYTES:
            raise ProtocolError(f"a message of over {MAX_LINE_BYTES} bytes")


def write_connection(path: str, connection: dict[str, Any]) -> None:
    """Write the connection file whole (by rename), readable by its owner only."""
    part = f"{path}.{os.getpid()}.part"
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(connection, file)
    os.replace(part, path)  # noqa: PTH105  # pathlib would double the imports of a task


def read_connection(path: str) -> dict[str, Any]:
    """Where the supervisor of a connection file listens, and the key it asks for.

    Raises
    ------
    ProtocolError: there is no such file, or it is no connection file.
    """
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123  # as above
            connection = json.load(file)
        host, port, key = connection["host"], connection["port"], connection["key"]
    except OSError as error:
        raise ProtocolError(f"no engine: cannot read the connection file {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ProtocolError(f"{path} is no connection file") from error
    if not (isinstance(host, str) and isinstance(port, int) and isinstance(key, str)):
        raise ProtocolError(f"{path} is no connection file")
    return dict(connection)


def connect(path: str, request: dict[str, Any], *, timeout_s: float = 10.0) -> socket:
    """Connect to the supervisor of a connection file and send it a first message, with the key added.

    Raises
    ------
    ProtocolError: it cannot be reached.
    """
    connection = read_connection(path)
    try:
        sock = create_connection((connection["host"], connection["port"]), timeout_s)
        sock.sendall(encode({"key": connection["key"], **request}))
    except OSError as error:
        raise ProtocolError(f"no engine: its supervisor does not answer ({error})") from error
    sock.settimeout(0.5 if os.name == "nt" else None)
    return sock
