from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from jsonschema import Draft202012Validator

from openjd_vstitcher.attempt.status import StatusFile, read_status
from openjd_vstitcher.events import ActionEnded, ActionProgress, StepStarted
from openjd_vstitcher.journal import Journal
from openjd_vstitcher.resources import resource

SCHEMA = Draft202012Validator(json.loads(resource("schemas/status.schema.json").read_text()))


def test_the_status_follows_the_events_of_the_job(tmp_path: Path) -> None:
    file = StatusFile(tmp_path / "status.json", job_id="7", attempt=1)
    journal = Journal(tmp_path / "j", job_id="7", on_event=file.on_event)
    file.planned(4)
    first = read_status(tmp_path / "status.json")
    assert first is not None
    assert (first.state, first.progress) == ("starting", 0.0)
    assert first.process_lives()

    journal.append(ActionEnded(kind="enter", environment="run a", state="success", exit_code=0, seconds=1.0))
    journal.append(ActionEnded(kind="run", step="a", state="success", exit_code=0, seconds=1.0))
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


def test_a_dead_process_is_told_from_a_later_one_with_its_number(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from openjd_vstitcher.attempt.status import StatusFile;"
        "StatusFile(Path(sys.argv[1]), job_id='7', attempt=1)"
    )
    path = tmp_path / "status.json"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    status = read_status(path)
    assert status is not None
    assert not status.process_lives()

    StatusFile(path, job_id="7", attempt=1)
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "pid_started": data["pid_started"] - 3600}))
    reused = read_status(path)
    assert reused is not None
    assert not reused.process_lives()
