"""The daemon on the embedded platform, with real processes that are killed, canceled and taken over."""

from __future__ import annotations

import dataclasses
import errno
import json
import signal
import subprocess
import threading
from collections.abc import Callable
from typing import Any

import pytest

from openjd_vstitcher.attempt.directory import AttemptDirectory
from openjd_vstitcher.attempt.lock import is_held
from openjd_vstitcher.config import load_config
from openjd_vstitcher.daemon.process import AttemptProcess
from openjd_vstitcher.daemon.worker import Worker
from openjd_vstitcher.errors import OpenjdVsError, PlatformError
from openjd_vstitcher.journal import read_journal
from openjd_vstitcher.platform.values import Claim
from tests.farm import CONFIG, Farm, farm, hang_once, scan, wait_until

__all__ = ["farm", "scan"]


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
        ({}, "unknown", "/details/instructions/0/asset_type: unknown to the platform: 'SKETCH'"),
        ({}, "stylish", "the preset stores by style, but the job has none"),
    ],
)
def test_a_job_with_bad_input_ends_with_the_place_and_runs_nothing(
    farm: Farm, details: dict[str, Any], preset: str, message: str
) -> None:
    scan = {"type": "EXPORT", "export_type": "SCAN", "output_file_name": "scan.json"}
    for key, change in (("bad", {"output_file_name": "../x"}), ("stylish", {}), ("unknown", {"asset_type": "SKETCH"})):
        row = {
            "key": key,
            "details": {
                "instructions": [{**scan, **change}],
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


@pytest.mark.slow
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


@pytest.mark.parametrize(("owner", "name"), [(AttemptDirectory, "create"), (AttemptProcess, "start")])
def test_a_machine_that_cannot_begin_a_job_gives_it_back(
    farm: Farm, monkeypatch: pytest.MonkeyPatch, owner: type, name: str
) -> None:
    def full(*_: object, **__: object) -> None:
        monkeypatch.undo()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(owner, name, full)
    job_id = farm.submit(input_file_uri="s3://body-files/none.bw")
    with farm.working(poll_s=0.1):
        wait_until(lambda: farm.job(job_id).status == "COMPLETED_ERRORS")
    job = farm.job(job_id)
    assert (job.attempt, job.auto_retries, job.returns) == (2, 0, 1)
    assert not farm.directory(job_id).path.exists()
    details = [str(event.fields) for event in farm.platform.events(job_id)]
    assert any("No space left on device" in text for text in details)


def test_two_daemons_never_work_in_one_directory(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    _, daemon = farm.hanging_daemon(monkeypatch)
    with pytest.raises(OpenjdVsError, match="another daemon already works in"):
        farm.work()
    daemon.kill()
    daemon.communicate()


def test_a_claim_that_arrives_after_the_daemon_was_told_to_stop_goes_back_unstarted(
    farm: Farm, scan: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = scan()
    daemon, claim = Worker(farm.config, farm.platform), farm.platform.claim

    def stop_meanwhile(*given: Any, **named: Any) -> Claim | None:
        daemon.stop()
        return claim(*given, **named)

    monkeypatch.setattr(farm.platform, "claim", stop_meanwhile)
    daemon.run()
    job = farm.job(job_id)
    assert (job.status, job.attempt, job.auto_retries, job.crashes) == ("NEW", 1, 0, 0)
    assert not farm.directory(job_id).path.exists()


def test_a_daemon_that_the_queue_refuses_from_the_start_ends_with_its_reason(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [PlatformError("away", transient=True), PlatformError("the role may not claim")]

    def refuse(*_: Any, **__: Any) -> None:
        raise answers.pop(0)

    monkeypatch.setattr(farm.platform, "claim", refuse)
    with pytest.raises(PlatformError, match="the role may not claim"):
        farm.work(poll_s=0.1)
    assert answers == []


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


@pytest.mark.slow
def test_three_slots_run_twelve_jobs_in_order_and_a_hung_one_holds_up_nobody(
    farm: Farm, scan: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openjd_vstitcher.daemon.worker._LOOK_S", 0.1)
    flag = hang_once(farm, monkeypatch)
    hung = farm.submit()
    jobs = [scan() for _ in range(11)]
    config = dataclasses.replace(farm.config, worker=dataclasses.replace(farm.config.worker, slots=3))
    worker = Worker(config, farm.platform)
    thread = threading.Thread(target=worker.run)
    thread.start()
    most = 0
    while not all(farm.job(job_id).status == "COMPLETED_SUCCESS" for job_id in jobs):
        running = [path for path in farm.config.worker.work_dir.glob("*.*") if is_held(AttemptDirectory(path))]
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


@pytest.mark.posix(reason="Windows has no SIGTERM")
@pytest.mark.slow
def test_a_daemon_told_to_stop_ends_its_job_first_and_told_twice_gives_it_back(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id, daemon = farm.hanging_daemon(monkeypatch)
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
