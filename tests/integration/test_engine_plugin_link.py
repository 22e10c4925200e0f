"""The plugin's end of the connection: it sends heartbeats while it is busy, and never outlives its supervisor."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.engine.launchers import SCRIPT
from openjd_vstitcher.engine.protocol import encode, receive
from openjd_vstitcher.files import write_json
from tests.integration.engine_session import DEADLINE_S

FAKE = Path(__file__).with_name("fake_engine.py")
ORPHANED = 70


@pytest.fixture
def linked(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], socket.socket]]:
    """An engine whose supervisor is this test, connected by the socket only."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(DEADLINE_S)
        file = tmp_path / "connection.json"
        write_json(file, {"host": "127.0.0.1", "port": listener.getsockname()[1], "key": "the key"})
        environment = {**os.environ, "OPENJD_VS_CONNECTION": str(file)}
        engine = subprocess.Popen([sys.executable, str(FAKE), str(SCRIPT)], env=environment)
        try:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(DEADLINE_S)
                yield engine, connection
        finally:
            engine.kill()
            engine.wait()


def render(name: str, output: Path) -> dict[str, Any]:
    instruction = {"export_type": "MEDIA_RENDER", "output_file_name": name, "dpi": 5}
    garment = {"path": "/tee.bw", "mutations": []}
    return {"id": 1, "request": "work", "garment": garment, "export": instruction, "output_dir": str(output)}


def test_engine_connects_works_and_exits_on_request(
    linked: tuple[subprocess.Popen[bytes], socket.socket], tmp_path: Path
) -> None:
    engine, supervisor = linked
    messages = receive(supervisor)
    hello = next(messages)
    assert (hello["key"], hello["role"], hello["pid"]) == ("the key", "engine", engine.pid)
    supervisor.sendall(encode(render("front.png", tmp_path)))
    received = [next(messages)]
    while received[-1]["type"] != "done":
        received.append(next(messages))
    stages = [message["stage"] for message in received if message["type"] == "stage"]
    assert stages == ["open", "prepare", "export", "write", "publish"]
    assert (tmp_path / "front.png").is_file()
    supervisor.sendall(encode({"request": "exit"}))
    assert engine.wait(DEADLINE_S) == 0


@pytest.mark.parametrize("busy", [False, True], ids=["waiting", "in a call"])
def test_engine_ends_when_its_supervisor_is_gone(
    linked: tuple[subprocess.Popen[bytes], socket.socket], tmp_path: Path, busy: bool
) -> None:
    engine, supervisor = linked
    messages = receive(supervisor)
    next(messages)
    if busy:
        supervisor.sendall(encode(render("hang.png", tmp_path)))
        beat = next(message for message in messages if message["type"] == "heartbeat" and message["call"])
        assert beat["call"] == "RenderImageEx"
    begun = time.monotonic()
    supervisor.close()
    assert engine.wait(DEADLINE_S) == ORPHANED
    assert time.monotonic() - begun < 10


def test_cancelation_of_another_request_is_ignored(
    linked: tuple[subprocess.Popen[bytes], socket.socket], tmp_path: Path
) -> None:
    """A cancelation that comes too late must not cancel the next export."""
    _, supervisor = linked
    messages = receive(supervisor)
    next(messages)
    supervisor.sendall(encode({"request": "cancel", "id": 0}) + encode(render("front.png", tmp_path)))
    ends = (message for message in messages if message["type"] in ("done", "failed", "canceled"))
    assert next(ends)["type"] == "done"


def test_cancelation_takes_effect_even_before_its_export_begins(
    linked: tuple[subprocess.Popen[bytes], socket.socket], tmp_path: Path
) -> None:
    _, supervisor = linked
    messages = receive(supervisor)
    next(messages)
    turntable = render("turn.zip", tmp_path)
    turntable["export"].update(export_type="TURNTABLE", number_of_snapshots=2)
    supervisor.sendall(encode({"request": "cancel", "id": 1}) + encode(turntable))
    ends = (message for message in messages if message["type"] in ("done", "failed", "canceled"))
    assert next(ends)["type"] == "canceled"
    assert list(tmp_path.glob("*.zip*")) == []
