"""Sessions with `daemon start|run|stop`, and every way that they end. The engine is a fake that renders gray."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openjd_vstitcher.engine.processes import memory_of
from openjd_vstitcher.engine.protocol import ProtocolError, connect, encode, receive
from openjd_vstitcher.lifeline import Lifeline
from tests.integration.engine_session import (
    DEADLINE_S,
    FAKE_ENGINE,
    Session,
    events,
    exists,
    export,
    opened,
    started,
    wait_until,
    written_pid,
)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with opened(tmp_path, FAKE_ENGINE, FAKE_ENGINE_PID=str(tmp_path / "engine.pid")) as made:
        yield made


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """One session for all tests that only send requests."""
    with opened(tmp_path_factory.mktemp("lasting"), FAKE_ENGINE) as made:
        assert made.start().returncode == 0
        yield made


def test_session_makes_an_output_and_leaves_nothing_running(session: Session) -> None:
    supervisor, engine = started(session)
    result = session.run(export())
    assert result.returncode == 0
    assert events(result.stdout)[-1]["event"] == "exported"
    assert events(result.stdout)[-1]["output"] == "front.png"
    assert [path.name for path in session.output.iterdir()] == ["front.png"]
    assert session.stop().returncode == 0
    wait_until(lambda: not exists(supervisor) and not exists(engine), "the end of supervisor and engine")
    assert not session.connection_file.exists()


def test_start_reports_the_engine_and_warns_about_the_stand_in(session: Session) -> None:
    result = session.start()
    ready = events(result.stdout)[-1]
    assert (ready["event"], ready["engine"], ready["version"], ready["garment"]) == (
        "engine_ready",
        "standin",
        "fake 1",
        "Tee",
    )
    assert "vstitcher: *** " in result.stdout
    assert "stand-in" in result.stdout


def test_frames_are_written_where_pack_looks_for_them(session: Session) -> None:
    started(session)
    turntable = {"type": "EXPORT", "export_type": "TURNTABLE", "output_file_name": "turn.zip", "dpi": 10}
    assert session.run(turntable, "--frame", "3", "--frames", "4").returncode == 0
    assert (session.output / "turn.zip.frames" / "0003.png").is_file()


def test_stop_without_an_engine_is_not_an_error(session: Session) -> None:
    assert session.stop().returncode == 0


def test_second_start_for_the_same_session_is_refused(session: Session) -> None:
    started(session)
    result = session.start()
    assert result.returncode == 1
    assert "already running" in result.stdout
    assert session.run(export()).returncode == 0


def test_killed_engine_fails_its_export_and_the_next_export_gets_a_new_engine(session: Session) -> None:
    _, engine = started(session)
    process = session.begin(export("hang.png"))
    wait_until(lambda: (session.output / ".hang.png.part.png").exists(), "the part file")
    psutil.Process(engine).kill()
    output, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 1
    failure = events(output)[-1]
    assert failure["event"] == "export_failed"
    assert failure["export"] == "hang.png"
    assert failure["stage"] == "export"
    assert failure["parameters"]["dpi"] == 10
    assert ("SIGKILL" if os.name == "posix" else "exited with code") in failure["exit"]
    assert any(line.startswith("openjd_fail: hang.png failed in stage export") for line in output.splitlines())
    again = session.run(export())
    assert again.returncode == 0, again.stdout
    assert "engine_restarted" in [event["event"] for event in events(again.stdout)]
    assert [path.name for path in session.output.iterdir()] == ["front.png"]


def test_orphaned_processes_of_the_engine_end_with_the_session(session: Session, tmp_path: Path) -> None:
    session.environment["FAKE_ENGINE_LEAK"] = str(tmp_path / "leaked.pid")
    started(session)
    leaked = written_pid(tmp_path / "leaked.pid")
    assert exists(leaked)
    session.stop()
    wait_until(lambda: not exists(leaked), "the end of the leaked process")


def test_engine_ends_when_its_supervisor_is_killed(session: Session) -> None:
    supervisor, engine = started(session)
    psutil.Process(supervisor).kill()
    wait_until(lambda: not exists(engine), "the end of the engine")
    result = session.run(export())
    assert result.returncode == 1
    assert "front.png failed in stage open: no engine is running" in result.stdout
    assert session.start().returncode == 0


def test_session_ends_when_its_lifeline_closes(session: Session) -> None:
    lifeline = Lifeline()
    try:
        session.environment["OPENJD_VS_LIFELINE"] = lifeline.address
        supervisor, engine = started(session)
        threading.Event().wait(1.0)
        assert exists(engine)
    finally:
        lifeline.close()
    wait_until(lambda: not exists(engine) and not exists(supervisor), "the end of the session")


def test_session_whose_lifeline_does_not_know_its_token_ends(session: Session) -> None:
    lifeline = Lifeline()
    try:
        session.environment["OPENJD_VS_LIFELINE"] = f"{lifeline.address}x"
        supervisor, engine = started(session)
        wait_until(lambda: not exists(engine) and not exists(supervisor), "the end of the session")
    finally:
        lifeline.close()


def test_session_without_a_lifeline_ends_with_its_directory(session: Session) -> None:
    supervisor, engine = started(session)
    session.connection_file.unlink()
    wait_until(lambda: not exists(engine) and not exists(supervisor), "the end of the session")


@pytest.mark.posix(reason="Windows has no SIGTERM")
def test_canceled_export_leaves_no_partial_output(session: Session) -> None:
    started(session)
    process = session.begin(export("turn.zip", export_type="TURNTABLE", number_of_snapshots=3))
    wait_until(lambda: (session.output / ".turn.zip.frames.part.frames" / "0001.png").exists(), "a frame")
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 128 + signal.SIGTERM
    assert "openjd_status: cancel" in output
    assert list(session.output.iterdir()) == []


def test_killed_client_cancels_its_export(session: Session) -> None:
    started(session)
    process = session.begin(export("turn.zip", export_type="TURNTABLE", number_of_snapshots=3))
    wait_until(lambda: (session.output / ".turn.zip.frames.part.frames" / "0001.png").exists(), "a frame")
    process.kill()
    process.wait()
    wait_until(lambda: list(session.output.iterdir()) == [], "the part files to go")
    assert session.run(export()).returncode == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff" * 4096,
        b'{"key": 1}\n',
        b'{"key": "wrong", "request": "stop"}\n',
        b"[]\n",
    ],
)
def test_connections_without_the_key_are_closed(lasting: Session, content: bytes) -> None:
    with socket.create_connection(("127.0.0.1", lasting.connection["port"])) as sock:
        sock.settimeout(DEADLINE_S)
        sock.sendall(content)
        if not content.endswith(b"\n"):
            sock.shutdown(socket.SHUT_WR)
        assert sock.recv(100) == b""
    assert lasting.run(export()).returncode == 0


def test_silent_connections_do_not_block_others(lasting: Session) -> None:
    address = ("127.0.0.1", lasting.connection["port"])
    silent = [socket.create_connection(address) for _ in range(200)]
    try:
        assert lasting.run(export()).returncode == 0
    finally:
        for each in silent:
            each.close()


@pytest.mark.parametrize(
    "request_",
    [
        {"request": "dance"},
        {},
        {"request": "run"},
        {"request": "run", "export": {"output_file_name": "x.png"}, "output_dir": 7},
        {"request": "run", "export": {"output_file_name": "../x.png", "export_type": "SCAN"}, "output_dir": "/tmp"},
        {"request": "run", "export": {"output_file_name": "x.png", "export_type": "../main"}, "output_dir": "/tmp"},
        {"request": "run", "export": {"output_file_name": "x.png", "export_type": "UNKNOWN"}, "output_dir": "/tmp"},
        {
            "request": "run",
            "export": {"output_file_name": "x.jpg", "export_type": "MEDIA_RENDER"},
            "output_dir": "/tmp",
        },
        {"role": "engine", "pid": 1},
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_invalid_requests_are_refused_and_the_session_continues(lasting: Session, request_: dict[str, Any]) -> None:
    with connect(str(lasting.connection_file), request_) as sock:
        sock.settimeout(DEADLINE_S)
        replies = list(receive(sock))
    assert not replies or replies[-1]["type"] == "failed"
    assert lasting.run(export()).returncode == 0


@pytest.mark.posix(reason="Windows has no SIGTERM")
def test_export_canceled_while_it_waits_does_not_start(session: Session) -> None:
    started(session)
    first = session.begin(export("turn.zip", export_type="TURNTABLE", number_of_snapshots=2))
    wait_until(lambda: (session.output / ".turn.zip.frames.part.frames" / "0001.png").exists(), "a frame")
    with connect(
        str(session.connection_file), {"request": "run", "export": export(), "output_dir": str(session.output)}
    ) as sock:
        sock.sendall(encode({"request": "cancel"}))
        first.send_signal(signal.SIGTERM)
        assert first.wait(DEADLINE_S) == 128 + signal.SIGTERM
        assert [reply["type"] for reply in receive(sock)][-1] == "canceled"
    assert not (session.output / "front.png").exists()


def test_engine_that_cannot_start_fails_with_its_last_output(session: Session, tmp_path: Path) -> None:
    session.environment["FAKE_ENGINE_EXIT"] = "No licence for VStitcher"
    result = session.start()
    assert result.returncode == 1
    assert "openjd_fail: the engine failed in stage start: Failed to start" in result.stdout
    assert "exited with code 1" in result.stdout
    assert "No licence for VStitcher" in result.stdout
    assert not session.connection_file.exists()


def test_start_without_a_job_file_is_refused(session: Session) -> None:
    (session.root / "job.json").unlink()
    result = session.start()
    assert result.returncode == 1
    assert "job file not found" in result.stdout


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
random_exports = st.fixed_dictionaries(
    {"output_file_name": json_values | st.just("x.png")},
    optional={"export_type": json_values, "dpi": json_values, "camera_position": json_values, "colorway": json_values},
)
random_requests = st.fixed_dictionaries(
    {"request": st.sampled_from(["run", "run", "open", "adopt", "dance"]) | json_values},
    optional={
        "role": st.text(max_size=8),
        "export": random_exports | json_values,
        "output_dir": json_values,
        "mutations": json_values,
        "frame": json_values,
        "keep": json_values,
    },
)


@pytest.mark.slow
@pytest.mark.timeout(500)
@given(random_requests)
@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_request_with_the_key_is_answered_or_disconnected(lasting: Session, asked: dict[str, Any]) -> None:
    with connect(str(lasting.connection_file), asked) as sock:
        sock.settimeout(DEADLINE_S)
        try:
            replies = list(receive(sock))
        except ProtocolError:
            replies = []
    assert not replies or replies[-1]["type"] in ("done", "failed", "canceled")
    assert memory_of(lasting.connection["supervisor_pid"]) < 200_000_000


def test_session_still_works_after_all_of_that(lasting: Session) -> None:
    assert lasting.run(export()).returncode == 0
