"""The engine's log can be trimmed and read while the engine appends to it."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.engine import append_file, engine_log
from openjd_vstitcher.engine.append_file import append_handle, open_for_append
from openjd_vstitcher.engine.engine_log import EngineLog, ProgressReader

ECHO = """
import sys
sys.stdout.reconfigure(newline="\\n")
for line in sys.stdin:
    sys.stdout.write(line)
    sys.stdout.flush()
    sys.stderr.write("written\\n")
    sys.stderr.flush()
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EngineLog:
    """A log with a limit of 1000 bytes of which a trim keeps 100."""
    monkeypatch.setattr(engine_log, "LIMIT_BYTES", 1000)
    monkeypatch.setattr(engine_log, "_KEPT_BYTES", 100)
    return EngineLog(tmp_path / "engine.log")


def test_log_within_its_limit_is_not_trimmed(log: EngineLog) -> None:
    log.path.write_bytes(b"x" * 1000)
    log.trim()
    assert log.size() == 1000


def test_process_goes_on_at_the_new_end_of_a_trimmed_log(log: EngineLog) -> None:
    descriptor = open_for_append(log.path)
    try:
        child = subprocess.Popen(
            [sys.executable, "-c", ECHO],
            stdin=subprocess.PIPE,
            stdout=descriptor,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        os.close(descriptor)
    assert child.stdin is not None
    assert child.stderr is not None
    with child:
        child.stdin.write("x" * 2000 + "\n")
        child.stdin.flush()
        assert child.stderr.readline() == "written\n"
        log.trim()
        child.communicate("after\n")
    content = log.path.read_bytes()
    assert content == b"[earlier output was dropped]\n" + b"x" * 99 + b"\nafter\n"


def test_tail_is_the_last_lines(log: EngineLog) -> None:
    assert log.tail() == []
    log.path.write_text("\n".join(f"line {number}" for number in range(100)), encoding="utf-8")
    assert log.tail() == [f"line {number}" for number in range(80, 100)]


@pytest.mark.parametrize(("start", "copied"), [(0, b"first\nsecond\n"), (6, b"second\n"), (99, b"first\nsecond\n")])
def test_session_gets_the_log_from_its_start(log: EngineLog, tmp_path: Path, start: int, copied: bytes) -> None:
    log.path.write_bytes(b"first\nsecond\n")
    target = tmp_path / "session.log"
    log.copy_to(target, start)
    assert target.read_bytes() == copied


def test_progress_is_the_last_percentage_of_the_new_output(log: EngineLog) -> None:
    log.path.write_bytes(b"90 %\n")
    progress = ProgressReader(log)
    assert progress.latest() is None
    with log.path.open("ab") as file:
        file.write(b"Progress: 10\n20.5 %\n")
    assert progress.latest() == 20.5
    assert progress.latest() is None
    log.path.write_bytes(b"")
    assert progress.latest() is None
    log.path.write_bytes(b"250%\n")
    assert progress.latest() == 100.0


class Kernel32:
    """Records the call of CreateFileW."""

    def __init__(self, result: int | None) -> None:
        self._result = result
        self.arguments: tuple[Any, ...] = ()

    def CreateFileW(self, *arguments: Any) -> int | None:
        self.arguments = arguments
        return self._result

    def GetLastError(self) -> int:
        return 32


def test_windows_handle_can_only_append_and_is_shared() -> None:
    kernel = Kernel32(7)
    assert append_handle("engine.log", kernel) == 7
    path, access, sharing, _security, disposition, _attributes, _template = kernel.arguments
    file_write_data, share_read_write_delete, open_always = 0x2, 0x7, 4
    assert (path, sharing, disposition) == ("engine.log", share_read_write_delete, open_always)
    assert access & 0x4
    assert not access & file_write_data


@pytest.mark.parametrize("result", [None, ctypes.c_void_p(-1).value])
def test_file_that_windows_cannot_open_is_an_error(result: int | None) -> None:
    with pytest.raises(OSError, match=r"cannot open engine\.log for appending: error 32"):
        append_handle("engine.log", Kernel32(result))


def test_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        append_file.open_for_append(tmp_path / "missing" / "engine.log")
