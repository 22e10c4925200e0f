"""What a later process knows of how an attempt ended: from its status, else from its journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from openjd_vstitcher import events
from openjd_vstitcher.attempt.directory import AttemptDirectory
from openjd_vstitcher.attempt.request import AttemptRequest
from openjd_vstitcher.attempt.resume import outcome_told
from openjd_vstitcher.attempt.status import StatusFile
from openjd_vstitcher.journal import Journal
from openjd_vstitcher.platform.values import Outcome


@pytest.fixture
def directory(tmp_path: Path) -> AttemptDirectory:
    made = AttemptDirectory(tmp_path / "7.1")
    made.create(AttemptRequest({"id": "7"}, {}, 1, "w"))
    return made


def write_journal(directory: AttemptDirectory, *ended: events.JobEnded) -> None:
    journal = Journal(directory.journal, job_id="7")
    journal.append(events.SessionStarted(session="s"))
    for event in ended:
        journal.append(event)
    journal.append(events.SessionEnded(session="s"))
    journal.close()


FAILED = events.JobEnded(
    status="COMPLETED_ERRORS",
    status_details="no licence",
    outcome=events.Outcome(status="COMPLETED_ERRORS", status_details="no licence", errors=({"message": "no licence"},)),
)


def test_the_status_says_how_the_attempt_ended(directory: AttemptDirectory) -> None:
    StatusFile(directory.status, job_id="7", attempt=1).reporting({"status": "COMPLETED_SUCCESS"})
    write_journal(directory, FAILED)
    assert outcome_told(directory) == Outcome("COMPLETED_SUCCESS")


@pytest.mark.parametrize("status", ["missing", "torn", "without an outcome"])
def test_the_journal_says_it_where_the_status_does_not(directory: AttemptDirectory, status: str) -> None:
    if status == "torn":
        directory.status.write_text("{")
    if status == "without an outcome":
        StatusFile(directory.status, job_id="7", attempt=1)
    write_journal(directory, FAILED)
    told = outcome_told(directory)
    assert told is not None
    assert (told.status, told.status_details) == ("COMPLETED_ERRORS", "no licence")
    assert [error["message"] for error in told.errors] == ["no licence"]


def test_nothing_is_known_of_an_attempt_that_was_killed(directory: AttemptDirectory) -> None:
    assert outcome_told(directory) is None
    write_journal(directory)
    assert outcome_told(directory) is None
