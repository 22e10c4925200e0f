"""The process of an attempt as the daemon handles it, and the lock by which everybody knows whether it lives."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from openjd_vstitcher import __version__
from openjd_vstitcher.attempt.directory import AttemptDirectory
from openjd_vstitcher.attempt.lock import DirectoryBusy, hold, holder, is_held
from openjd_vstitcher.attempt.request import AttemptRequest
from openjd_vstitcher.daemon.process import AttemptProcess, set_aside

HOLDER = """
import sys, time
from pathlib import Path
from openjd_vstitcher.attempt.directory import AttemptDirectory
from openjd_vstitcher.attempt.lock import hold
with hold(AttemptDirectory(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def directory(tmp_path: Path) -> AttemptDirectory:
    made = AttemptDirectory(tmp_path / "7.1")
    made.create(AttemptRequest({"id": "7"}, {}, 1, "w"))
    return made


@pytest.fixture
def other(directory: AttemptDirectory) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the directory."""
    command = [sys.executable, "-c", HOLDER, str(directory.path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_only_one_process_works_on_a_directory(directory: AttemptDirectory, other: subprocess.Popen[str]) -> None:
    assert is_held(directory)
    with pytest.raises(DirectoryBusy, match=rf"7\.1 \(process {other.pid}\)"), hold(directory):
        pass
    other.kill()
    other.wait()
    with hold(directory):
        assert is_held(directory)
    assert not is_held(directory)


def test_a_killed_holder_holds_nothing(directory: AttemptDirectory, other: subprocess.Popen[str]) -> None:
    found = AttemptProcess(directory)
    assert found.alive()
    found.kill()
    other.wait(10)
    assert not found.alive()
    assert holder(directory) is None


def test_a_later_process_with_the_holders_number_is_never_killed(
    directory: AttemptDirectory, other: subprocess.Popen[str]
) -> None:
    written = directory.holder.read_text()
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        directory.holder.write_text(written.replace(str(other.pid), str(bystander.pid)))
        AttemptProcess(directory).kill()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_children_do_not_inherit_the_lock(directory: AttemptDirectory) -> None:
    with hold(directory):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        assert not is_held(directory)
    finally:
        child.kill()
        child.wait()


def test_the_output_of_a_process_is_kept_and_its_end_is_told(directory: AttemptDirectory) -> None:
    ended = threading.Event()
    process = AttemptProcess.start(directory, ["--version"], dict(os.environ), ended.set)
    assert ended.wait(30)
    assert not process.alive()
    assert f"openjd-vs {__version__}" in directory.process_log.read_text()


def test_kill_ends_the_process_and_its_children(directory: AttemptDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; print(1); time.sleep(60)'])"
    child = psutil.Popen([sys.executable, "-c", code], start_new_session=True)
    process = AttemptProcess(directory, child)
    while not (grandchildren := child.children()):
        assert process.alive()
    process.kill()
    _, alive = psutil.wait_procs([child, *grandchildren], timeout=10)
    assert not alive
    assert not process.alive()


def test_a_directory_in_the_way_is_set_aside_whole(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / "7.1").mkdir()
        (tmp_path / "7.1" / "file").write_text(str(number))
        set_aside(tmp_path / "7.1")
    assert (tmp_path / "7.1.old1" / "file").read_text() == "1"
    assert (tmp_path / "7.1.old2" / "file").read_text() == "2"


def test_a_directory_that_cannot_be_set_aside_stays_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 3: no copy and removal takes the place of a rename that fails, as it does when a file in it is open."""
    (tmp_path / "7.1").mkdir()
    (tmp_path / "7.1" / "file").write_text("precious")

    def in_use(*_: object, **__: object) -> None:
        raise PermissionError(13, "in use")

    monkeypatch.setattr(os, "rename", in_use)
    with pytest.raises(PermissionError):
        set_aside(tmp_path / "7.1")
    assert [path.name for path in tmp_path.iterdir()] == ["7.1"]
    assert (tmp_path / "7.1" / "file").read_text() == "precious"
