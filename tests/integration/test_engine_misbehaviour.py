"""A misbehaving engine: the failure names export, stage and cause, and other exports are not affected."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.engine.processes import descendants
from tests.integration.engine_session import (
    GARMENT,
    Session,
    events,
    exists,
    export,
    opened,
    processes_of,
    wait_until,
    written_pid,
)

SCENE = {"type": "EXPORT", "export_type": "MEDIA_3D_SCENE", "output_file_name": "3d.glb"}
SCAN = export("scan.json", export_type="SCAN")
CALL = "RenderExport3DObject"


@contextmanager
def misbehaving(tmp_path: Path, engine: str = "", **rule: Any) -> Iterator[Session]:
    """A session on the sample garment whose engine misbehaves once, and then never again."""
    rule = {"once": str(tmp_path / "misbehaved"), **rule}
    with opened(tmp_path, engine, OPENJD_VS_STANDIN_MISBEHAVE=json.dumps(rule)) as session:
        session.write(garment_path=str(GARMENT))
        yield session


def slow(*values: Any) -> Any:
    """A case of a table that only the longer tests run."""
    return pytest.param(*values, marks=pytest.mark.slow)


def start(session: Session) -> None:
    result = session.start()
    assert result.returncode == 0, result.stdout


def assert_nothing_remains(session: Session) -> None:
    assert len(processes_of(session)) >= 2
    session.stop()
    wait_until(lambda: not processes_of(session), "the end of all processes")
    assert not [path for path in session.output.rglob("*") if ".part" in path.name]


@pytest.mark.parametrize(
    ("engine", "rule", "expected"),
    [
        ("", {"what": "crash"}, ["the engine exited during the request", "SIGSEGV"]),
        slow("", {"what": "crash", "how": "abort"}, ["the engine exited during the request", "SIGABRT"]),
        slow("", {"what": "exit", "code": 9}, ["the engine exited during the request", "exited with code 9"]),
        ("", {"what": "half_file"}, ["RenderExport3DObject(", "returned error 5"]),
        ("hang_limit_s = 3", {"what": "hang"}, ["the engine stopped responding (in RenderExport3DObject)", "for 3 s"]),
        slow(
            "hang_limit_s = 3",
            {"what": "block"},
            ["the engine stopped responding", "no CPU use, no output and no API call"],
        ),
        slow("export_limit_s = 3", {"what": "busy"}, ["timed out after 0.05 minutes"]),
        slow(
            "hang_limit_s = 3",
            {"what": "popup", "title": "Missing fonts", "text": "Futura is missing.", "buttons": ["OK"]},
            ["the engine stopped responding", "windows: Missing fonts: Futura is missing. [OK]"],
        ),
        (
            "[[engine.popup]]\ntext = 'licen[cs]e'\n",
            {"what": "popup", "title": "VStitcher", "text": "Your licence has expired."},
            ["the engine is showing a window: VStitcher: Your licence has expired."],
        ),
    ],
    ids=["crash", "abort", "exit", "partial file", "hang", "block", "busy forever", "unknown popup", "known popup"],
)
def test_failure_names_the_cause_and_other_exports_are_not_affected(
    tmp_path: Path, engine: str, rule: dict[str, Any], expected: list[str]
) -> None:
    with misbehaving(tmp_path, engine, **{"in": CALL}, **rule) as session:
        start(session)
        assert session.run(SCAN).returncode == 0
        begun = time.monotonic()
        failed = session.run(SCENE)
        assert time.monotonic() - begun < 30
        assert failed.returncode == 1
        [line] = [line for line in failed.stdout.splitlines() if line.startswith("openjd_fail: ")]
        assert line.startswith("openjd_fail: 3d.glb failed in stage export: ")
        for part in expected:
            assert part in line
        assert '"export_type": "MEDIA_3D_SCENE"' in line
        failure = events(failed.stdout)[-1]
        assert failure["parameters"]["output_file_name"] == "3d.glb"
        assert [path.name for path in session.output.iterdir()] == ["scan.json"]
        again = session.run(SCENE)
        assert again.returncode == 0, again.stdout
        assert (session.output / "3d.glb").stat().st_size > 100_000
        assert_nothing_remains(session)


@pytest.mark.parametrize(
    ("engine", "rule"),
    [
        slow("hang_limit_s = 3", {"what": "busy", "seconds": 6}),
        slow("hang_limit_s = 3", {"what": "slow_write", "seconds": 7, "pieces": 16}),
        slow("hang_limit_s = 10", {"what": "slow", "seconds": 3}),
        ("", {"what": "print", "bytes": 150_000_000}),
        (
            "[[engine.popup]]\ntitle = 'fonts'\naction = 'press'\nbutton = 'Ignore'\n",
            {"what": "popup", "title": "Missing fonts", "buttons": ["Ignore", "Cancel"]},
        ),
    ],
    ids=["busy", "slow write", "slow", "verbose", "popup with a rule"],
)
def test_engine_that_is_only_slow_verbose_or_answered_is_left_alone(
    tmp_path: Path, engine: str, rule: dict[str, Any]
) -> None:
    with misbehaving(tmp_path, engine, **{"in": CALL}, **rule) as session:
        start(session)
        result = session.run(SCENE)
        assert result.returncode == 0, result.stdout
        assert (tmp_path / "misbehaved").exists()
        assert [event["event"] for event in events(result.stdout)] == ["exported"]
        engine_log = session.root / "engine.log"
        assert session.run(SCAN).returncode == 0
        wait_until(lambda: engine_log.stat().st_size <= 64 * 1024 * 1024, "the log to be trimmed")


@pytest.mark.parametrize(
    ("engine", "rule", "expected"),
    [
        ("", {"what": "fail_to_start", "code": 4}, ["the engine exited before it was ready", "exited with code 4"]),
        slow("start_limit_s = 1", {"what": "slow", "seconds": 60}, ["the engine was not ready after 1 s"]),
        slow("start_limit_s = 1", {"what": "popup", "text": "Sign in"}, ["not ready after 1 s", "Sign in"]),
    ],
    ids=["ends", "too slow", "popup"],
)
def test_engine_that_does_not_start(tmp_path: Path, engine: str, rule: dict[str, Any], expected: list[str]) -> None:
    with misbehaving(tmp_path, engine, **rule) as session:
        result = session.start()
        assert result.returncode == 1
        assert "Failed to start" in result.stdout
        for part in expected:
            assert part in result.stdout
        assert not session.connection_file.exists()
        wait_until(lambda: not processes_of(session), "the end of all processes")
        assert session.start().returncode == 0


@pytest.mark.slow
def test_slow_start_within_the_limit_succeeds(tmp_path: Path) -> None:
    with misbehaving(tmp_path, what="slow", seconds=2) as session:
        result = session.start()
        assert result.returncode == 0
        assert events(result.stdout)[-1]["start_s"] >= 2


def test_garment_that_cannot_be_opened_fails_the_start(tmp_path: Path) -> None:
    with opened(tmp_path, "") as session:
        bad = tmp_path / "bad.bw"
        bad.write_bytes(b"no garment")
        session.write(garment_path=str(bad))
        result = session.start()
        assert result.returncode == 1
        assert "failed in stage open: GarmentOpen(" in result.stdout
        assert "GarmentOpen returned error 4" in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("detach", [False, True], ids=["same session", "separate session"])
def test_leaked_child_ends_with_the_session(tmp_path: Path, detach: bool) -> None:
    leak = tmp_path / "leak.pid"
    with misbehaving(tmp_path, what="leak_child", detach=detach, pid_file=str(leak), **{"in": CALL}) as session:
        start(session)
        assert session.run(SCENE).returncode == 0
        child = written_pid(leak)
        assert exists(child)
        supervisor = session.connection["supervisor_pid"]
        session.stop()
        wait_until(lambda: not exists(child) and not exists(supervisor), "the end of the leaked child")


@pytest.mark.slow
def test_leaked_child_ends_with_an_engine_that_crashed(tmp_path: Path) -> None:
    leak = tmp_path / "leak.pid"
    rules = [
        {"what": "leak_child", "detach": True, "pid_file": str(leak), "in": CALL},
        {"what": "crash", "in": "RulerIds"},
    ]
    with opened(tmp_path, "", OPENJD_VS_STANDIN_MISBEHAVE=json.dumps(rules)) as session:
        session.write(garment_path=str(GARMENT))
        start(session)
        assert session.run(SCENE).returncode == 0
        child = written_pid(leak)
        assert session.run(SCAN).returncode == 1
        wait_until(lambda: not exists(child), "the end of the leaked child")


def test_canceled_ray_trace_ends_its_process_but_not_the_engine(tmp_path: Path) -> None:
    trace = export("render.png", export_type="MEDIA_RENDER_RAY_TRACE", dpi=40, cycles=4000)
    with misbehaving(tmp_path, what="slow", **{"in": "nothing"}) as session:
        start(session)
        supervisor = session.connection["supervisor_pid"]
        process = session.begin(trace)
        wait_until(lambda: len(descendants(supervisor)) > 1, "the process of the ray tracer")
        [engine, *tracers] = descendants(supervisor)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        assert process.returncode == 128 + signal.SIGTERM
        wait_until(lambda: not any(exists(tracer) for tracer in tracers), "the end of the ray tracer")
        assert exists(engine)
        assert list(session.output.iterdir()) == []
        result = session.run(SCAN)
        assert result.returncode == 0
        assert "engine_restarted" not in [event["event"] for event in events(result.stdout)]


@pytest.mark.slow
def test_killed_ray_tracer_fails_its_export(tmp_path: Path) -> None:
    trace = export("render.png", export_type="MEDIA_RENDER_RAY_TRACE", dpi=40, cycles=4000)
    with misbehaving(tmp_path, what="slow", **{"in": "nothing"}) as session:
        start(session)
        supervisor = session.connection["supervisor_pid"]
        process = session.begin(trace)
        wait_until(lambda: len(descendants(supervisor)) > 1, "the process of the ray tracer")
        os.kill(descendants(supervisor)[1], signal.SIGKILL)
        output, _ = process.communicate(timeout=20)
        assert process.returncode == 1
        assert "render.png failed in stage export: the render process was killed by SIGKILL" in output
        assert list(session.output.iterdir()) == []


@pytest.mark.slow
def test_engine_that_ignores_a_cancelation_is_killed(tmp_path: Path) -> None:
    with misbehaving(tmp_path, what="block", **{"in": CALL}) as session:
        start(session)
        [engine] = descendants(session.connection["supervisor_pid"])
        process = session.begin(SCENE)
        wait_until(lambda: (tmp_path / "misbehaved").exists(), "the blocked call")
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=25)
        assert process.returncode == 128 + signal.SIGTERM
        assert time.monotonic() - begun < 20
        assert "openjd_status: canceled" in output
        assert not exists(engine)
        assert list(session.output.iterdir()) == []
        assert session.run(SCAN).returncode == 0
