"""`openjd-vs outputs`, on job directories that processes left behind."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from openjd_vstitcher.attempt.lock import hold
from openjd_vstitcher.attempt.resume import resume
from openjd_vstitcher.outputs.files import OutputDirectory
from openjd_vstitcher.outputs.ledger import Ledger
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.translation.outputs import ExpectedOutput
from tests.s3_job import S3Job, make_s3_job
from tests.s3_server import S3Server

pytestmark = pytest.mark.usefixtures("s3_credentials")


@pytest.fixture
def job(s3_server: S3Server, tmp_path: Path) -> S3Job:
    return make_s3_job(tmp_path, s3_server, [1000, 6 << 20], seed=20)


def _outputs(job: S3Job, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "openjd_vstitcher.cli", "outputs", *arguments]
    return subprocess.run(command, env=job.environment(), capture_output=True, text=True, timeout=60, check=False)


def test_status_then_resume_then_status(job: S3Job) -> None:
    path = str(job.directory.path)
    before = json.loads(_outputs(job, "status", path, "--json").stdout)
    assert {entry["state"] for entry in before} == {"expected"}
    resumed = _outputs(job, "resume", path)
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout.count("registered") == 2
    job.check_all_delivered()
    assert "registered" in _outputs(job, "status", path).stdout


def test_resume_of_an_output_that_is_not_there_ends_with_1(job: S3Job) -> None:
    (job.directory.output / job.names[0]).unlink()
    done = _outputs(job, "resume", str(job.directory.path), "--json")
    assert done.returncode == 1
    (report,) = json.loads(done.stdout).values()
    assert [output["fate"] for output in report["outputs"]] == ["missing", "registered"]


def test_resume_leaves_no_thread_when_the_disk_fails(job: S3Job, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, job.environment()[name])
    look = OutputDirectory.look

    def failing(self: OutputDirectory, name: str) -> os.stat_result | None:
        if name == job.names[1] and threading.current_thread() is threading.main_thread():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return look(self, name)

    monkeypatch.setattr(OutputDirectory, "look", failing)
    before = set(threading.enumerate())
    platform = open_platform(job.config.platform)
    with pytest.raises(OSError, match="Input/output"):
        resume(job.directory, job.config, platform)
    platform.close()
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("upload-")]


def test_resume_is_refused_without_a_destination(job: S3Job) -> None:
    job.directory.ledger.unlink()
    Ledger(job.directory.ledger, [ExpectedOutput(job.names[0], True, "MEDIA_RENDER")]).close()
    done = _outputs(job, "resume", str(job.directory.path))
    assert done.returncode == 2
    assert "its ledger names no destination" in done.stderr


def test_resume_is_refused_while_the_job_runs(job: S3Job) -> None:
    with hold(job.directory):
        done = _outputs(job, "resume", str(job.directory.path))
    assert done.returncode == 1
    assert f"another process works on {job.directory.path} (process {os.getpid()})" in done.stderr


def test_directory_that_is_no_job_is_refused(job: S3Job, tmp_path: Path) -> None:
    done = _outputs(job, "status", str(tmp_path))
    assert done.returncode == 2
    assert "has no ledger of outputs" in done.stderr


def _unfinished_upload(job: S3Job) -> None:
    """Leave an unfinished upload of the second output, whose id was not saved, as a crash does."""
    uri = f"s3://style-assets/exports/{job.job_id}/{job.names[1]}"
    job.server.client().create_multipart_upload(Bucket="style-assets", Key=uri.removeprefix("s3://style-assets/"))
    ledger = Ledger(job.directory.ledger)
    ledger.record(job.names[1], "uploading", uri=uri, upload_id="")
    ledger.close()


def _uploads_left(job: S3Job) -> list[str]:
    found = job.server.client().list_multipart_uploads(Bucket="style-assets").get("Uploads", [])
    return [upload["Key"] for upload in found if job.job_id in upload["Key"]]


def test_clean_says_first_and_removes_then_what_may_go(job: S3Job) -> None:
    work_dir = str(job.directory.path.parent)
    job.config_file.write_text(job.config_file.read_text() + "keep_failed_days = 0\n")
    _unfinished_upload(job)
    for name in job.names:
        (job.directory.output / name).unlink()
    assert "its time is over" in _outputs(job, "clean", "--work-dir", work_dir, "--dry-run").stdout
    assert job.directory.path.exists()
    assert _outputs(job, "clean", "--work-dir", work_dir).returncode == 0
    assert not job.directory.path.exists()
    assert _uploads_left(job) == []


def test_clean_keeps_outputs_that_are_not_delivered_and_names_them(job: S3Job) -> None:
    job.config_file.write_text(job.config_file.read_text() + "keep_failed_days = 0\nkeep_bytes = 1\n")
    done = _outputs(job, "clean", "--work-dir", str(job.directory.path.parent))
    assert done.returncode == 1
    assert f"not delivered: {', '.join(job.names)}" in done.stdout
    assert all((job.directory.output / name).exists() for name in job.names)


def test_discard_says_what_is_lost_and_asks(job: S3Job) -> None:
    _unfinished_upload(job)
    path = str(job.directory.path)
    asked = _outputs(job, "discard", path)
    assert asked.returncode == 1
    assert all(name in asked.stdout for name in job.names)
    assert job.directory.path.exists()
    with hold(job.directory):
        assert "another process works on" in _outputs(job, "discard", path, "--yes").stderr
    assert job.directory.path.exists()
    done = _outputs(job, "discard", path, "--yes")
    assert done.returncode == 0, done.stderr
    assert not job.directory.path.exists()
    assert _uploads_left(job) == []


def test_discard_refuses_what_is_no_job_before_it_removes_anything(job: S3Job, tmp_path: Path) -> None:
    done = _outputs(job, "discard", str(job.directory.path), str(tmp_path), "--yes")
    assert done.returncode == 2
    assert "is not a job directory: it has no request.json" in done.stderr
    assert job.directory.path.exists()
