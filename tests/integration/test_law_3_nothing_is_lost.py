"""Law 3 on a whole machine: what was made is delivered or kept, and only what is safe is removed."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import threading
from pathlib import Path

import pytest

from openjd_vstitcher.attempt.lock import holder
from openjd_vstitcher.attempt.retention import lost_with
from openjd_vstitcher.journal import read_journal
from openjd_vstitcher.outputs.ledger import Ledger
from openjd_vstitcher.translation.outputs import ExpectedOutput
from tests.farm import CONFIG, Farm, farm, hang_once, wait_until

__all__ = ["farm"]


def test_outputs_that_a_killed_attempt_had_not_even_seen_are_delivered_by_the_daemon(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process stands still while the engine writes; then it is killed."""
    farm.configure(CONFIG.replace("lease_s = 8", "lease_s = 60"))
    flag = hang_once(farm, monkeypatch)
    job_id = farm.submit()
    daemon = threading.Thread(target=farm.work)
    daemon.start()
    wait_until(flag.exists)
    directory = farm.directory(job_id)
    process = holder(directory)
    assert process is not None
    process.suspend()
    made = b"made while nobody looked"
    (directory.output / ".part").write_bytes(made)
    (directory.output / ".part").rename(directory.output / "dxf_bundle.zip")
    assert "dxf_bundle.zip" in {lost.name for lost in lost_with(directory)}
    os.kill(process.pid, signal.SIGKILL)
    daemon.join(60)
    assert not daemon.is_alive()
    job = farm.job(job_id)
    assert (job.status, job.attempt) == ("NEW", 1)
    assert "outputs_resumed" in {entry.name for entry in read_journal(directory.journal)}
    asset = next(asset for asset in farm.platform.assets(job_id) if asset.name == "dxf_bundle.zip")
    assert (asset.status, asset.details["sha256"]) == ("UPLOADED", hashlib.sha256(made).hexdigest())
    assert _stored(farm, job_id, "dxf_bundle.zip").read_bytes() == made
    assert lost_with(directory) == []


def test_exports_that_succeed_while_an_upload_fails_are_told_with_the_reason_and_kept(farm: Farm) -> None:
    job_id = farm.submit()
    in_the_way = _stored(farm, job_id, "dxf_bundle.zip")
    in_the_way.mkdir(parents=True)
    (in_the_way / "file").touch()
    farm.work()
    job = farm.job(job_id)
    steps = [entry for entry in read_journal(farm.directory(job_id).journal) if entry.name == "step_ended"]
    assert {entry.fields["state"] for entry in steps} == {"succeeded"}
    assert job.status == "COMPLETED_ERRORS"
    assert "1 of 2 exports failed: dxf_bundle.zip: cannot store s3://" in (job.status_details or "")
    assert "Is a directory" in (job.status_details or "")
    assert [error["message"] for error in job.errors if "Is a directory" in str(error)]
    assert {asset.name: asset.status for asset in farm.platform.assets(job_id)} == {
        "dxf_bundle.zip": "IN_PROGRESS",
        "scan.json": "UPLOADED",
    }
    assert [lost.name for lost in lost_with(farm.directory(job_id))] == ["dxf_bundle.zip"]


def test_the_daemon_removes_what_is_safe_and_keeps_what_is_not_delivered(
    farm: Farm, caplog: pytest.LogCaptureFixture
) -> None:
    farm.configure(CONFIG + "[outputs]\nkeep_done_days = 0\nkeep_failed_days = 0\n")
    done, failed = (farm.submit(input_file_uri="s3://body-files/none.bw") for _ in range(2))
    assert farm.work() == 2
    directory = farm.directory(failed)
    ledger = Ledger(directory.ledger, [ExpectedOutput("scan.json", True, "SCAN", 0)])
    ledger.record("scan.json", "failed", error="access is denied")
    ledger.close()
    (directory.output / "scan.json").write_text("{}")
    farm.work()
    wait_until(lambda: not farm.directory(done).path.exists())
    wait_until(lambda: f"{directory.path} was not removed: not delivered: scan.json" in caplog.text)
    assert (directory.output / "scan.json").exists()


def test_a_directory_in_the_way_that_cannot_be_moved_stays_whole_and_the_job_goes_back(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = farm.submit(input_file_uri="s3://body-files/none.bw")
    old = farm.directory(job_id)
    old.output.mkdir(parents=True)
    (old.output / "precious.png").write_bytes(b"of another queue")
    rename = os.rename

    def in_use(source: str | Path, target: str | Path) -> None:
        if Path(source) == old.path:
            raise PermissionError(13, "in use")
        rename(source, target)

    monkeypatch.setattr(os, "rename", in_use)
    farm.work(poll_s=0.01)
    assert (old.output / "precious.png").read_bytes() == b"of another queue"
    details = json.dumps([event.fields for event in farm.platform.events(job_id)])
    assert "in use" in details
    assert farm.job(job_id).auto_retries == 0


def _stored(farm: Farm, job_id: str, name: str) -> Path:
    preset = farm.platform.preset("dxf_v0")["details"]
    bucket = preset["remote_destination"].removeprefix("s3://").strip("/")
    return farm.config.storage.local.root / bucket / job_id / name
