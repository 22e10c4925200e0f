from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from openjd_vstitcher.attempt.status import StatusFile, read_status
from openjd_vstitcher.events import ActionEnded, ActionProgress, ActionStarted, JobPlanned, StepStarted
from openjd_vstitcher.journal import Journal
from openjd_vstitcher.resources import resource

SCHEMA = Draft202012Validator(json.loads(resource("schemas/status.schema.json").read_text()))


def test_the_status_follows_the_events_of_the_job(tmp_path: Path) -> None:
    file = StatusFile(tmp_path / "status.json", job_id="7", attempt=1)
    journal = Journal(tmp_path / "j", job_id="7", on_event=file.on_event)
    journal.append(JobPlanned(template_sha256="", steps=["a", "b"], tasks=[3, 1], parameters={}, destination=None))
    journal.append(StepStarted(step="a", tasks=3))
    first = read_status(tmp_path / "status.json")
    assert first is not None
    assert (first.state, first.progress) == ("running", 0.0)
    assert first.pid == os.getpid()

    journal.append(ActionEnded(kind="enter", environment="run a", state="success", exit_code=0, seconds=1.0))
    journal.append(ActionEnded(kind="run", step="a", state="success", exit_code=0, seconds=1.0))
    journal.append(ActionStarted(kind="run", step="a", task_number=2, task_count=3))
    assert file.told[1] == "a: 2 of 3"
    journal.append(ActionProgress(progress=50.0))
    journal.append(StepStarted(step="b", tasks=1))
    running = read_status(tmp_path / "status.json")
    assert running is not None
    assert (running.state, running.step, running.progress) == ("running", "b", 37.5)

    file.end({"status": "COMPLETED_ERRORS", "status_details": "x", "errors": [{"message": "x"}]})
    ended = read_status(tmp_path / "status.json")
    assert ended is not None
    assert ended.state == "ended"
    assert ended.outcome is not None
    assert ended.outcome["status"] == "COMPLETED_ERRORS"
    SCHEMA.validate(json.loads((tmp_path / "status.json").read_text()))


def test_no_status_yet(tmp_path: Path) -> None:
    assert read_status(tmp_path / "status.json") is None


def test_how_the_attempt_ended_is_kept_while_it_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    outcome = {"status": "COMPLETED_ERRORS", "status_details": "x", "errors": []}
    StatusFile(path, job_id="7", attempt=1).reporting(outcome)
    assert StatusFile(path, job_id="7", attempt=1, outcome=outcome).told == (0.0, "")
    later = read_status(path)
    assert later is not None
    assert later.outcome == outcome


def test_the_status_of_another_release_is_readable(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    StatusFile(path, job_id="7", attempt=1)
    path.write_text(json.dumps({**json.loads(path.read_text()), "pid_started": 5.0, "mood": "good"}))
    assert read_status(path) is not None


@pytest.mark.parametrize("last", ["reporting", "end"])
def test_the_last_status_waits_for_room_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    """How the attempt ended must not be lost because the disk was full for a moment."""
    path = tmp_path / "status.json"
    file = StatusFile(path, job_id="7", attempt=1)
    sync, failures = os.fsync, [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) for _ in range(3)]

    def full_at_first(descriptor: int) -> None:
        if failures:
            raise failures.pop()
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full_at_first)
    getattr(file, last)({"status": "COMPLETED_SUCCESS"})
    written = read_status(path)
    assert written is not None
    assert written.outcome == {"status": "COMPLETED_SUCCESS"}
    assert failures == []
    assert [entry.name for entry in tmp_path.iterdir()] == ["status.json"]
