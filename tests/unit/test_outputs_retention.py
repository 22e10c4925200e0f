"""Which job directories may go: Law 3, by days and by bytes."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from openjd_vstitcher.attempt.directory import AttemptDirectory
from openjd_vstitcher.attempt.lock import hold
from openjd_vstitcher.attempt.request import AttemptRequest
from openjd_vstitcher.attempt.resume import is_safe, is_unfinished
from openjd_vstitcher.attempt.retention import EndedJob, clean, ended_jobs, removable
from openjd_vstitcher.attempt.status import Status, write_status
from openjd_vstitcher.config import Config, LocalStorageConfig, OutputsConfig, StorageConfig
from openjd_vstitcher.journal import Journal, read_journal
from openjd_vstitcher.outputs.ledger import Ledger, State
from openjd_vstitcher.outputs.logs import store_logs
from openjd_vstitcher.storage.adapters import open_storage
from openjd_vstitcher.translation.outputs import ExpectedOutput
from tests.outputs_bench import claim

_NOW = datetime(2026, 11, 22, tzinfo=UTC)
_CONFIG = OutputsConfig(keep_done_days=1, keep_failed_days=14)


def _ended(days: float, *, safe: bool, size: int = 100) -> EndedJob:
    return EndedJob(Path(f"/jobs/{days}-{safe}"), safe, _NOW - timedelta(days=days), size)


def test_safe_jobs_go_soon_and_others_when_their_retention_has_run_out() -> None:
    jobs = [_ended(20, safe=False), _ended(10, safe=False), _ended(2, safe=True), _ended(0.5, safe=True)]
    assert removable(jobs, _CONFIG, _NOW) == [
        (jobs[0], "its retention has run out"),
        (jobs[2], "all outputs are safe"),
    ]


def test_bytes_take_the_oldest_safe_jobs_first() -> None:
    jobs = [_ended(9, safe=False), _ended(8, safe=False), _ended(0.6, safe=True), _ended(0.5, safe=True)]
    config = OutputsConfig(keep_done_days=1, keep_failed_days=14, keep_bytes=150)
    assert [job for job, _ in removable(jobs, config, _NOW)] == [jobs[2], jobs[3], jobs[0]]
    config = OutputsConfig(keep_done_days=1, keep_failed_days=14, keep_bytes=400)
    assert removable(jobs, config, _NOW) == []


def _job(work_dir: Path, name: str, state: State, *, reported: bool = True) -> AttemptDirectory:
    directory = AttemptDirectory(work_dir / name)
    directory.create(AttemptRequest.of(claim(name), 0.0))
    (directory.output / "a.png").write_bytes(b"x" * 100)
    ledger = Ledger(directory.ledger, [ExpectedOutput("a.png", True, "MEDIA_RENDER", 0)])
    ledger.record("a.png", state)
    ledger.close()
    now = datetime.now(UTC)
    write_status(directory.status, Status(name, 1, "ended", None, 100.0, "", 1, now))
    if reported:
        directory.reported.touch()
    return directory


@pytest.mark.parametrize(
    ("state", "unfinished", "safe"),
    [
        ("expected", False, False),
        ("seen", True, False),
        ("settled", True, False),
        ("uploading", True, False),
        ("stored", True, False),
        ("failed", True, False),
        ("registered", False, True),
        ("kept", False, True),
    ],
)
def test_every_state_is_finished_or_not_and_safe_or_not(
    tmp_path: Path, state: State, unfinished: bool, safe: bool
) -> None:
    directory = _job(tmp_path, "job", state)
    assert (is_unfinished(directory), is_safe(directory)) == (unfinished, safe)


def test_only_what_may_go_is_removed(tmp_path: Path) -> None:
    work_dir = tmp_path / "jobs"
    _job(work_dir, "safe", "registered")
    _job(work_dir, "unsafe", "uploading")
    _job(work_dir, "unreported", "registered", reported=False)
    running = _job(work_dir, "running", "registered")
    (work_dir / "foreign").mkdir()
    (work_dir / "foreign/precious").write_bytes(b"x")
    (work_dir / "link").symlink_to(work_dir / "safe")
    storage = open_storage(Config(storage=StorageConfig(local=LocalStorageConfig(tmp_path / "root"))))
    with hold(running):
        removals = clean(work_dir, OutputsConfig(keep_done_days=0, keep_failed_days=14), storage)
    assert [(removal.job.path.name, removal.error) for removal in removals] == [("safe", None)]
    assert {path.name for path in work_dir.iterdir()} == {"unsafe", "unreported", "running", "foreign", "link"}


def test_directory_without_a_process_and_a_status_is_still_found(tmp_path: Path) -> None:
    directory = _job(tmp_path, "job", "uploading")
    directory.status.unlink()
    assert [(job.path.name, job.safe) for job in ended_jobs(tmp_path)] == [("job", False)]


def test_logs_are_stored_under_their_prefix_and_written_down(tmp_path: Path) -> None:
    (tmp_path / "session.log").write_text("what happened")
    (tmp_path / "engine.log").touch()
    storage = open_storage(Config(storage=StorageConfig(local=LocalStorageConfig(tmp_path / "root"))))
    journal = Journal(tmp_path / "journal.jsonl", job_id="job-1")
    files = {name: tmp_path / name for name in ("session.log", "engine.log", "missing.log")}
    stored = store_logs(files, "s3://logs/job-1/1", storage=storage, journal=journal)
    assert stored == {"session.log": "s3://logs/job-1/1/session.log"}
    content = (tmp_path / "root/logs/job-1/1/session.log").read_bytes()
    assert hashlib.sha256(content).digest() == hashlib.sha256(b"what happened").digest()
    assert [event.name for event in read_journal(tmp_path / "journal.jsonl")] == ["logs_stored"]


def test_log_that_cannot_be_stored_is_an_event_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "session.log").write_text("x")
    (tmp_path / "root").write_text("a file in the way")
    storage = open_storage(Config(storage=StorageConfig(local=LocalStorageConfig(tmp_path / "root"))))
    journal = Journal(tmp_path / "journal.jsonl", job_id="job-1")
    assert store_logs({"session.log": tmp_path / "session.log"}, "s3://logs/x", storage=storage, journal=journal) == {}
    assert [event.name for event in read_journal(tmp_path / "journal.jsonl")] == ["log_failed", "logs_stored"]
