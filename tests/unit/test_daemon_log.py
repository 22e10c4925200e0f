"""The daemon's log: what attempts do, in calm lines; JSON for collectors; a file that outlives a crash."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from openjd_vstitcher import events
from openjd_vstitcher.attempt.directory import AttemptDirectory
from openjd_vstitcher.attempt.status import StatusFile
from openjd_vstitcher.daemon import narration
from openjd_vstitcher.daemon.narration import Narrator
from openjd_vstitcher.journal import Journal
from openjd_vstitcher.log_lines import LogFormatter, about

CANARY = "canary-password-4711"


@pytest.fixture
def directory(tmp_path: Path) -> AttemptDirectory:
    made = AttemptDirectory(tmp_path / "job-7.2")
    made.path.mkdir()
    return made


@pytest.fixture
def journal(directory: AttemptDirectory) -> Journal:
    return Journal(directory.journal, job_id="job-7", attempt=2)


def test_what_matters_is_told_once_at_its_level(
    directory: AttemptDirectory, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    narrator = Narrator(directory, from_now=False)
    journal.append(events.StepStarted(step="01 front.png", tasks=1))
    journal.append(events.Exported(output="front.png", size_bytes=1500, seconds=2.04))
    narrator.tell()
    narrator.tell()
    journal.append(events.OutputFailed(output="front.png", cause="storage", reason="the bucket is gone"))
    journal.append(events.JobEnded(status="COMPLETED_ERRORS", status_details="1 of 1 exports failed"))
    narrator.tell()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "job-7.2: exported front.png, 1.5 KB, in 2.0 s"),
        ("WARNING", "job-7.2: front.png failed: the bucket is gone"),
        ("WARNING", "job-7.2: ended: COMPLETED_ERRORS: 1 of 1 exports failed"),
    ]


def test_what_an_earlier_daemon_has_told_is_not_told_again(
    directory: AttemptDirectory, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    journal.append(events.Exported(output="front.png", size_bytes=1, seconds=1))
    narrator = Narrator(directory, from_now=True)
    journal.append(events.Exported(output="back.png", size_bytes=1, seconds=1))
    narrator.tell()
    assert [record.getMessage() for record in caplog.records] == ["job-7.2: exported back.png, 1 B, in 1.0 s"]


def test_progress_is_told_calmly_and_only_when_there_is_any(
    directory: AttemptDirectory, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    now_s = 1000.0
    monkeypatch.setattr(narration.time, "monotonic", lambda: now_s)
    narrator = Narrator(directory, from_now=False)
    status = StatusFile(directory.status, job_id="job-7", attempt=2)
    told = []
    for passed_s in (1, 59, 30, 31, 61):
        now_s += passed_s
        narrator.tell()
        told.append(len(caplog.records))
    status.end({})
    assert told == [0, 1, 1, 1, 1]
    assert caplog.records[0].getMessage() == "job-7.2: 0 %, starting"


def test_text_of_strangers_stays_in_one_line_of_bounded_length(
    directory: AttemptDirectory, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    journal.append(
        events.OutputFailed(output="a.png", cause="storage", reason="x\n2026 CRITICAL forged " + "y " * 9999)
    )
    Narrator(directory, from_now=False).tell()
    line = caplog.records[0].getMessage()
    assert "\n" not in line
    assert len(line) < 600


def test_a_journal_that_cannot_be_read_does_not_end_the_daemon(directory: AttemptDirectory) -> None:
    directory.journal.mkdir()
    Narrator(directory, from_now=True).tell()


def test_a_line_of_json_has_job_and_attempt_and_no_credential() -> None:
    record = logging.LogRecord("daemon", logging.ERROR, "f", 1, "login as user password=%s", (CANARY,), None)
    record.__dict__.update(about("job-7.2"))
    line = LogFormatter(as_json=True).format(record)
    told = json.loads(line)
    assert (told["level"], told["job"], told["attempt"]) == ("ERROR", "job-7", 2)
    assert told["time"].endswith("+00:00")
    assert CANARY not in line


DAEMON = """
import sys
from openjd_vstitcher.cli import main
from openjd_vstitcher.daemon.worker import Worker
def run(self, *, once=False):
    raise RuntimeError("as if the daemon had a bug")
if sys.argv.pop() == "crash":
    Worker.run = run
main()
"""


@pytest.mark.parametrize("how", ["crash", "refuse", "work"])
def test_the_file_says_how_the_daemon_ended(tmp_path: Path, how: str) -> None:
    (tmp_path / "taken").write_text("")
    work_dir = "taken" if how == "refuse" else "jobs"
    (tmp_path / "daemon.py").write_text(DAEMON)
    config = tmp_path / "c.toml"
    config.write_text(
        f'[platform]\npath = "p.sqlite"\n[storage.local]\nroot = "s"\n[worker]\nwork_dir = "{work_dir}"\n'
        '[log]\nfile = "logs/daemon.log"\nformat = "json"\n'
    )
    command = [sys.executable, str(tmp_path / "daemon.py"), "daemon", "--once", "--config", str(config), how]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    lines = [json.loads(line) for line in (tmp_path / "logs" / "daemon.log").read_text().splitlines()]
    assert (done.returncode == 0) == (how == "work")
    if how == "crash":
        assert "as if the daemon had a bug" in lines[-1]["traceback"]
    elif how == "refuse":
        assert lines[-1]["level"] == "CRITICAL"
        assert "taken" in str(lines[-1])
    else:
        assert not [line for line in lines if line["level"] in ("ERROR", "CRITICAL")]


def test_a_log_file_that_cannot_be_written_is_named_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    config = tmp_path / "c.toml"
    config.write_text('[worker]\nwork_dir = "jobs"\n[log]\nfile = "taken/daemon.log"\n')
    command = [sys.executable, "-m", "openjd_vstitcher.cli", "daemon", "--once", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "log.file: cannot write" in done.stderr
    assert not (tmp_path / "jobs").exists()
