"""Logs of an attempt in storage."""

from __future__ import annotations

import hashlib
from pathlib import Path

from openjd_vstitcher.config import Config, LocalStorageConfig, StorageConfig
from openjd_vstitcher.journal import Journal, read_journal
from openjd_vstitcher.outputs.logs import store_logs
from openjd_vstitcher.storage.adapters import open_storage


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
