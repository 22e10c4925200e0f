"""The daemon on the embedded platform, with real processes that are killed, canceled and taken over."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from openjd_vstitcher.attempt.directory import JobDirectory
from openjd_vstitcher.attempt.lock import holder, is_held
from openjd_vstitcher.attempt.status import read_status
from openjd_vstitcher.config import Config, load_config
from openjd_vstitcher.daemon.worker import Worker
from openjd_vstitcher.errors import OpenjdVsError
from openjd_vstitcher.journal import read_journal
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.ports import Platform
from openjd_vstitcher.platform.values import Job, NewJob
from openjd_vstitcher.presets import read_document
from openjd_vstitcher.resources import resource

CONFIG = """
[platform]
path = "platform.sqlite"
[storage.local]
root = "storage"
[worker]
id = "w"
work_dir = "jobs"
lease_s = 4
max_attempts = 2
[engine]
kind = "standin"
"""


class Farm:
    """A queue, and daemons on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.configure(CONFIG)
        self.platform: Platform = open_platform(self.config.platform)
        stored = self.config.storage.local.root / "body-files" / "tee.bw"
        stored.parent.mkdir(parents=True)
        shutil.copyfile(resource("examples/garments/tee.bw"), stored)
        self.platform.put_preset(read_document(resource("examples/presets/dxf_v0.json")))

    def configure(self, text: str) -> None:
        (self.folder / "c.toml").write_text(text)
        self.config: Config = load_config(self.folder / "c.toml")

    def submit(self, preset: str = "dxf_v0", **details: Any) -> str:
        given = {"input_file_uri": "s3://body-files/tee.bw", "style_id": "s-1", **details}
        return self.platform.submit(NewJob("DXA_EXPORT_ASSET_BUNDLE", preset, given)).id

    def work(self, **worker: Any) -> int:
        config = dataclasses.replace(self.config, worker=dataclasses.replace(self.config.worker, **worker))
        return Worker(config, self.platform).run(once=True)

    def job(self, job_id: str) -> Job:
        return self.platform.job(job_id)

    def directory(self, job_id: str, attempt: int = 1) -> JobDirectory:
        return JobDirectory(self.config.worker.work_dir / f"{job_id}.{attempt}")

    def daemon(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "openjd_vstitcher.cli", "daemon", "--config", str(self.folder / "c.toml")],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def wait_until(condition: Callable[[], object], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        threading.Event().wait(0.05)


@pytest.fixture
def farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Farm]:
    monkeypatch.setenv("OPENJD_VS_STANDIN_MAX_PIXELS", "2000")
    made = Farm(tmp_path)
    yield made
    made.platform.close()
    for process in psutil.process_iter():
        try:
            if str(tmp_path) in " ".join(process.cmdline()):
                process.kill()
        except psutil.Error:
            continue


def hang_once(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The next engine hangs in its tech pack; the file that says that it does."""
    flag = farm.folder / "hangs"
    rule = {"what": "hang", "in": "GarmentTechpackExport", "once": str(flag)}
    monkeypatch.setenv("OPENJD_VS_STANDIN_MISBEHAVE", json.dumps(rule))
    return flag


def test_a_job_runs_and_its_outcome_assets_and_events_are_on_the_platform(farm: Farm) -> None:
    job_id = farm.submit()
    assert farm.work() == 1
    job = farm.job(job_id)
    assert (job.status, job.status_details, job.attempt) == ("COMPLETED_SUCCESS", None, 1)
    assert [(a.name, a.status) for a in farm.platform.assets(job_id)] == [
        ("dxf_bundle.zip", "UPLOADED"),
        ("scan.json", "UPLOADED"),
    ]
    names = {event.name for event in farm.platform.events(job_id)}
    assert {"job_started", "action_ended", "output_registered", "job_ended"} <= names
    assert farm.directory(job_id).reported.exists()
    assert farm.work() == 0


@pytest.mark.parametrize(
    ("details", "preset", "message"),
    [
        ({"input_file_uri": "s3://nowhere/none.bw"}, "dxf_v0", "s3://nowhere/none.bw does not exist"),
        ({"input_file_uri": None}, "dxf_v0", "names no garment"),
        ({}, "bad", "/details/instructions/0/output_file_name"),
        ({}, "stylish", "the preset stores by style, but the job has none"),
    ],
)
def test_a_job_with_bad_input_ends_with_the_place_and_runs_nothing(
    farm: Farm, details: dict[str, Any], preset: str, message: str
) -> None:
    scan = {"type": "EXPORT", "export_type": "SCAN", "output_file_name": "scan.json"}
    for key, change, extra in (("bad", {"output_file_name": "../x"}, {}), ("stylish", {}, {"x": 1})):
        row = {
            "key": key,
            "details": {
                "instructions": [{**scan, **change, **extra}],
                "remote_destination": "s3://a-b-c/",
                "remote_destination_subfolder_type": "STYLE_ID",
            },
        }
        farm.platform.put_preset(row)
    job_id = farm.submit(preset, **({**details, "style_id": None} if preset == "stylish" else details))
    farm.work()
    job = farm.job(job_id)
    assert job.status == "COMPLETED_ERRORS"
    assert message in (job.status_details or "")
    names = [event.name for event in read_journal(farm.directory(job_id).journal)]
    assert "session_started" not in names


def test_the_logs_of_an_attempt_are_stored_and_the_job_says_where(farm: Farm) -> None:
    with (farm.folder / "c.toml").open("a") as file:
        file.write('[outputs]\nlogs_prefix = "s3://style-assets/logs/"\n')
    farm.config = load_config(farm.folder / "c.toml")
    job_id = farm.submit(input_file_uri="s3://body-files/tee.bw")
    farm.work()
    job = farm.job(job_id)
    assert job.status == "COMPLETED_SUCCESS"
    assert job.status_details == f"done; logs: s3://style-assets/logs/{job_id}/1"
    stored = farm.config.storage.local.root / "style-assets" / "logs" / job_id / "1"
    assert {path.name for path in stored.iterdir()} >= {"session.log", "journal.jsonl", "template.yaml"}


def test_failed_exports_are_told_and_the_others_are_kept(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = {"what": "crash", "in": "GarmentTechpackExport", "nth": 0}
    monkeypatch.setenv("OPENJD_VS_STANDIN_MISBEHAVE", json.dumps(rule))
    job_id = farm.submit()
    farm.work()
    job = farm.job(job_id)
    assert job.status == "COMPLETED_ERRORS"
    assert job.status_details is not None
    assert job.status_details.startswith("1 of 2 exports failed: dxf_bundle.zip failed in stage export")
    assert job.errors[0]["parameters"]["techpack_name"] == "dxf"
    assert [a.name for a in farm.platform.assets(job_id) if a.status == "UPLOADED"] == ["scan.json"]


def test_a_killed_job_process_delivers_what_it_made_and_the_job_runs_again(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = hang_once(farm, monkeypatch)
    job_id = farm.submit()
    daemon = threading.Thread(target=farm.work)
    daemon.start()
    wait_until(flag.exists)
    status = read_status(farm.directory(job_id).status)
    assert status is not None
    os.kill(status.pid, signal.SIGKILL)
    daemon.join(60)
    assert not daemon.is_alive()
    job = farm.job(job_id)
    assert (job.status, job.attempt, job.auto_retries) == ("COMPLETED_SUCCESS", 2, 1)
    assert all(a.status == "UPLOADED" for a in farm.platform.assets(job_id))
    assert len(farm.platform.assets(job_id)) == 2


def test_a_job_that_is_killed_every_time_ends_with_errors(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    python = farm.folder / "python"
    python.write_text(f'#!/bin/sh\ncase "$*" in *run-job*) kill -9 $$;; esac\nexec {sys.executable} "$@"\n')
    python.chmod(0o700)
    monkeypatch.setattr("openjd_vstitcher.daemon.process.sys.executable", str(python))
    job_id = farm.submit()
    farm.work()
    job = farm.job(job_id)
    assert (job.status, job.attempt) == ("COMPLETED_ERRORS", 2)
    assert "killed" in (job.status_details or "")


def test_a_machine_that_cannot_begin_a_job_gives_it_back(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: JobDirectory, request: object) -> None:
        monkeypatch.undo()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(JobDirectory, "create", full)
    farm.config = dataclasses.replace(farm.config, worker=dataclasses.replace(farm.config.worker, poll_s=0.01))
    job_id = farm.submit(input_file_uri="s3://body-files/none.bw")
    farm.work()
    job = farm.job(job_id)
    assert job.attempt == 2
    assert job.auto_retries == 0
    details = [str(event.fields) for event in farm.platform.events(job_id)]
    assert any("No space left on device" in text for text in details)


def test_two_daemons_never_work_in_one_directory(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    flag = hang_once(farm, monkeypatch)
    farm.submit()
    daemon = farm.daemon()
    wait_until(flag.exists)
    with pytest.raises(OpenjdVsError, match="another daemon already works in"):
        farm.work()
    daemon.kill()
    daemon.communicate()


def test_a_frozen_attempt_is_not_taken_for_dead(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    flag = hang_once(farm, monkeypatch)
    job_id = farm.submit()
    daemon = farm.daemon()
    wait_until(flag.exists)
    directory = farm.directory(job_id)
    process = holder(directory)
    assert process is not None
    daemon.kill()
    daemon.communicate()
    process.suspend()
    directory.status.write_text("{")
    worker = Worker(farm.config, farm.platform)
    thread = threading.Thread(target=worker.run)
    thread.start()
    threading.Event().wait(2)
    assert farm.job(job_id).status == "IN_PROGRESS"
    assert not directory.reported.exists()
    process.resume()
    worker.stop()
    worker.stop()
    thread.join(60)
    assert not thread.is_alive()
    assert farm.job(job_id).status == "NEW"


def test_storage_that_is_away_when_a_job_begins_puts_it_back_uncounted(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    away = """
[storage]
kind = "s3"
write_to = ["s3://style-assets"]
[storage.s3]
endpoint_url = "http://127.0.0.1:1"
region = "us-east-1"
[inputs]
read_from = ["s3://body-files"]
"""
    (farm.folder / "c.toml").write_text(CONFIG.replace('[storage.local]\nroot = "storage"', away))
    job_id = farm.submit()
    worker = Worker(load_config(farm.folder / "c.toml"), farm.platform)
    thread = threading.Thread(target=lambda: worker.run(once=True))
    thread.start()
    wait_until(lambda: farm.job(job_id).status_details)
    worker.stop()
    thread.join(60)
    job = farm.job(job_id)
    assert (job.status, job.auto_retries) == ("NEW", 0)
    assert "127.0.0.1:1" in (job.status_details or "")


def test_a_directory_without_a_readable_request_is_passed_over(farm: Farm) -> None:
    broken = farm.config.worker.work_dir / "x.1"
    broken.mkdir(parents=True)
    (broken / "request.json").write_text("{")
    job_id = farm.submit(input_file_uri="s3://body-files/none.bw")
    assert farm.work() == 1
    assert farm.job(job_id).status == "COMPLETED_ERRORS"


def test_cancel_is_heard_and_ended_within_two_seconds(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    flag = hang_once(farm, monkeypatch)
    job_id = farm.submit()
    daemon = threading.Thread(target=farm.work, kwargs={"lease_s": 60})
    daemon.start()
    wait_until(flag.exists)
    events = farm.directory(job_id).journal
    asked = datetime.now(UTC)
    farm.platform.request_cancel(job_id)
    daemon.join(60)
    assert farm.job(job_id).status == "CANCELED"
    told = next(e.time for e in read_journal(events) if e.name == "action_status" and "cancel" in str(e.fields))
    assert (told - asked).total_seconds() < 2


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_an_attempt_needs_no_daemon_for_five_leases(farm: Farm, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """The daemon is gone or stands still; the attempt keeps its lease, is claimed by nobody else, and reports."""
    farm.configure(CONFIG.replace("lease_s = 4", "lease_s = 2"))
    flag = farm.folder / "works"
    rule = {"what": "slow", "in": "GarmentTechpackExport", "seconds": 14, "once": str(flag)}
    monkeypatch.setenv("OPENJD_VS_STANDIN_MISBEHAVE", json.dumps(rule))
    job_id = farm.submit()
    daemon = farm.daemon()
    wait_until(flag.exists)
    if how == "killed":
        daemon.kill()
        daemon.communicate()
    else:
        daemon.send_signal(signal.SIGSTOP)
    ended = time.monotonic() + 5 * farm.config.worker.lease_s
    while time.monotonic() < ended:
        assert farm.platform.requeue_expired(max_attempts=9) == []
        assert farm.platform.claim("other", farm.config.worker.job_types, lease_s=60) is None
        threading.Event().wait(0.5)
    wait_until(farm.directory(job_id).reported.exists)
    job = farm.job(job_id)
    assert (job.status, job.attempt) == ("COMPLETED_SUCCESS", 1)
    if how == "frozen":
        daemon.send_signal(signal.SIGCONT)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == 0


def test_an_attempt_cut_off_from_the_queue_ends_before_its_lease_does(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = hang_once(farm, monkeypatch)
    job_id = farm.submit()
    daemon = farm.daemon()
    wait_until(flag.exists)
    lease_ends = farm.job(job_id).lease_expires_at
    blocker = sqlite3.connect(farm.config.platform.path, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    wait_until(lambda: not is_held(farm.directory(job_id)))
    ended = datetime.now(UTC)
    wait_until(lambda: _engine_is_gone(farm.folder), 10)
    row = blocker.execute("SELECT lease_expires_at FROM job WHERE id = ?", (job_id,)).fetchone()
    assert lease_ends is not None
    assert ended < datetime.fromisoformat(row[0])
    blocker.execute("ROLLBACK")
    blocker.close()
    wait_until(lambda: farm.job(job_id).status == "COMPLETED_SUCCESS", 90)
    assert farm.job(job_id).attempt == 2
    daemon.send_signal(signal.SIGTERM)
    daemon.communicate()


def test_three_slots_run_twelve_jobs_in_order_and_a_hung_one_holds_up_nobody(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openjd_vstitcher.daemon.worker._LOOK_S", 0.1)
    flag = hang_once(farm, monkeypatch)
    scan = {"type": "EXPORT", "export_type": "SCAN", "output_file_name": "scan.json"}
    details = {"instructions": [scan], "remote_destination": "s3://style-assets/"}
    farm.platform.put_preset({"key": "scan", "details": details})
    hung = farm.submit()
    jobs = [farm.submit("scan") for _ in range(11)]
    config = dataclasses.replace(farm.config, worker=dataclasses.replace(farm.config.worker, slots=3))
    worker = Worker(config, farm.platform)
    thread = threading.Thread(target=worker.run)
    thread.start()
    most = 0
    while not all(farm.job(job_id).status == "COMPLETED_SUCCESS" for job_id in jobs):
        running = [path for path in farm.config.worker.work_dir.glob("*.*") if is_held(JobDirectory(path))]
        most = max(most, len(running))
        threading.Event().wait(0.1)
    assert flag.exists()
    assert most == 3
    assert farm.job(hung).status == "IN_PROGRESS"
    started = [farm.job(job_id).started_at for job_id in (hung, *jobs)]
    assert started == sorted(started)
    farm.platform.request_cancel(hung)
    wait_until(farm.directory(hung).reported.exists)
    worker.stop()
    thread.join(30)
    assert not thread.is_alive()


def test_a_daemon_that_is_killed_interrupts_nothing_and_the_next_one_takes_over(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = hang_once(farm, monkeypatch)
    job_id = farm.submit()
    daemon = farm.daemon()
    wait_until(flag.exists)
    daemon.kill()
    daemon.communicate()
    assert is_held(farm.directory(job_id))

    worker = threading.Thread(target=farm.work)
    worker.start()
    threading.Event().wait(0.5)
    os.kill(_engine_of(farm.folder), signal.SIGKILL)
    worker.join(60)
    job = farm.job(job_id)
    assert job.attempt == 1
    assert job.status == "COMPLETED_ERRORS"
    assert "dxf_bundle.zip" in (job.status_details or "")


def test_the_shutdown_of_a_machine_cancels_nothing(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM to every process, as at a shutdown, puts the job back into the queue, uncounted."""
    flag = hang_once(farm, monkeypatch)
    job_id = farm.submit()
    daemon = farm.daemon()
    wait_until(flag.exists)
    process = holder(farm.directory(job_id))
    assert process is not None
    daemon.send_signal(signal.SIGTERM)
    process.terminate()
    daemon.communicate(timeout=60)
    job = farm.job(job_id)
    assert (job.status, job.auto_retries) == ("NEW", 0)


def _engine_is_gone(folder: Path) -> bool:
    try:
        _engine_of(folder)
    except AssertionError:
        return True
    return False


def _engine_of(folder: Path) -> int:
    for process in psutil.process_iter():
        try:
            command = " ".join(process.cmdline())
            if "openjd_vstitcher.standin" in command and str(folder) in str(process.environ()):
                return process.pid
        except psutil.Error:
            continue
    raise AssertionError("no engine runs")


def test_a_daemon_told_to_stop_ends_its_job_first_and_told_twice_gives_it_back(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = hang_once(farm, monkeypatch)
    job_id = farm.submit()
    daemon = farm.daemon()
    wait_until(flag.exists)
    daemon.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        daemon.wait(1.0)
    daemon.send_signal(signal.SIGTERM)
    output, _ = daemon.communicate(timeout=60)
    assert daemon.returncode == 0, output
    job = farm.job(job_id)
    assert (job.status, job.auto_retries) == ("NEW", 0)
    assert farm.work() == 1
    assert farm.job(job_id).status == "COMPLETED_SUCCESS"
