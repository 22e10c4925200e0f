"""The process of a job, as the daemon handles it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from openjd_vstitcher.attempt.directory import JobDirectory
from openjd_vstitcher.attempt.request import JobRequest
from openjd_vstitcher.attempt.status import Status, write_status
from openjd_vstitcher.daemon.job_process import JobProcess, NotClear, set_aside

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def directory(tmp_path: Path) -> JobDirectory:
    made = JobDirectory(tmp_path / "7.1")
    made.create(JobRequest({"id": "7"}, {}, 1, "w"))
    return made


@pytest.fixture
def sleeper() -> Iterator[psutil.Popen]:
    process = psutil.Popen(SLEEPER, start_new_session=True)
    yield process
    if process.is_running():
        process.kill()
        process.wait()


def test_a_process_without_a_sign_of_life_is_ended(
    directory: JobDirectory, sleeper: psutil.Popen, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = JobProcess(directory, sleeper)
    process.enforce("first beat")
    process.enforce("second beat")
    assert not process.ended(0.1)
    monkeypatch.setattr("openjd_vstitcher.daemon.job_process._HUNG_S", 0.0)
    process.enforce("second beat")
    assert process.ended(10)


def test_a_process_that_writes_no_heartbeat_is_not_taken_for_hung(
    directory: JobDirectory, sleeper: psutil.Popen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openjd_vstitcher.daemon.job_process._HUNG_S", 0.0)
    process = JobProcess(directory, sleeper)
    process.enforce(None)
    assert not process.ended(0.2)


def test_a_process_that_does_not_heed_a_cancelation_is_ended(
    directory: JobDirectory, sleeper: psutil.Popen, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = JobProcess(directory, sleeper)
    process.cancel()
    assert directory.cancel_request.exists()
    process.enforce("beat")
    assert not process.ended(0.1)
    monkeypatch.setattr("openjd_vstitcher.daemon.job_process._CANCEL_GRACE_S", 0.0)
    process.enforce("another beat")
    assert process.ended(10)


def test_a_living_process_is_found_and_a_later_one_with_its_number_is_not(
    directory: JobDirectory, sleeper: psutil.Popen
) -> None:
    living = Status.starting("7", 1, sleeper.pid)
    write_status(directory.status, living)
    assert not JobProcess.find(directory).ended(0)
    data = directory.status.read_text().replace(str(living.pid_started), str(living.pid_started - 50))
    directory.status.write_text(data)
    assert JobProcess.find(directory).ended(0)


def test_a_job_that_was_just_begun_is_not_taken_for_dead(directory: JobDirectory) -> None:
    with pytest.raises(NotClear):
        JobProcess.find(directory)
    directory.status.write_text("{")
    with pytest.raises(NotClear):
        JobProcess.find(directory)


def test_what_a_process_prints_is_kept(directory: JobDirectory) -> None:
    process = JobProcess.start(directory, ["--version"], dict(os.environ))
    assert process.ended(30)
    assert "openjd-vs, version" in directory.process_log.read_text()


def test_a_directory_in_the_way_is_set_aside_whole(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / "7.1").mkdir()
        (tmp_path / "7.1" / "file").write_text(str(number))
        set_aside(tmp_path / "7.1")
    assert (tmp_path / "7.1.old1" / "file").read_text() == "1"
    assert (tmp_path / "7.1.old2" / "file").read_text() == "2"
