"""The lifeline of an attempt: who gives the token is held, and nobody else can use up the process's descriptors."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from openjd_vstitcher import lifeline
from openjd_vstitcher.lifeline import CONFIRMATION, Lifeline


@pytest.fixture
def held() -> Iterator[Lifeline]:
    made = Lifeline()
    yield made
    made.close()


def connect(line: Lifeline, token: str | None = None, *, greet: bool = True) -> socket.socket:
    host, port, right = line.address.split(":")
    connection = socket.create_connection((host, int(port)), 5)
    connection.settimeout(5)
    if greet:
        connection.sendall(f"{right if token is None else token}\n".encode())
    return connection


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(64) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def test_who_gives_the_token_is_held_until_the_end(held: Lifeline) -> None:
    connection = connect(held)
    assert connection.recv(64) == CONFIRMATION
    connection.settimeout(0.2)
    assert not is_closed(connection)
    held.close()
    connection.settimeout(5)
    assert is_closed(connection)


@pytest.mark.parametrize("token", ["", "wrong", "x" * 300, "é"])
def test_a_wrong_token_is_not_held(held: Lifeline, token: str) -> None:
    assert is_closed(connect(held, token))


def test_who_says_nothing_is_dropped(held: Lifeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifeline, "_GREETING_LIMIT_S", 0.1)
    assert is_closed(connect(held, greet=False))


def test_a_flood_of_connections_takes_few_descriptors_and_drops_no_supervisor(held: Lifeline) -> None:
    supervisor = connect(held)
    assert supervisor.recv(64) == CONFIRMATION
    flood = [connect(held, greet=False) for _ in range(200)]
    late = connect(held)
    assert late.recv(64) == CONFIRMATION
    deadline = time.monotonic() + 5
    while len(held._connections) > 18 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(held._connections) <= 18
    supervisor.settimeout(0.1)
    assert not is_closed(supervisor)
    for connection in flood:
        connection.close()


def test_even_with_the_token_the_connections_are_limited(held: Lifeline) -> None:
    connections = [connect(held) for _ in range(16)]
    assert {connection.recv(64) for connection in connections} == {CONFIRMATION}
    assert is_closed(connect(held))
    connections[0].close()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with connect(held) as following, suppress(ConnectionError, TimeoutError):
            if following.recv(64) == CONFIRMATION:
                return
    pytest.fail("the place of a closed connection was not given to another one")
