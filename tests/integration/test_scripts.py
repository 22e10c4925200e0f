"""Jobs that run scripts: through the daemon on the embedded queue."""

from __future__ import annotations

import json
import re
import shutil
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from openjd_vstitcher.cli import main
from openjd_vstitcher.events import ScriptFailed, ScriptSucceeded, StepEnded
from openjd_vstitcher.journal import read_journal
from openjd_vstitcher.platform.values import NewJob
from tests.farm import CONFIG, Farm, farm, wait_until

__all__ = ["farm"]

NOTE = """
import sys
from pathlib import Path

arguments = dict(each.removeprefix("--").split("=", 1) for each in sys.argv[1:])
with Path("notes.txt").open("a") as notes:
    notes.write(f"{arguments['text']} {arguments.get('times', '1')}\\n")
print("openjd_fail: noted")
if Path(sys.argv[0]).with_name("broken").exists() and arguments["text"] == "third":
    print("the third one is broken", file=sys.stderr)
    sys.exit(7)
"""
SCHEMA = {
    "type": "object",
    "properties": {"text": {"type": "string"}, "times": {"type": "integer", "minimum": 1}},
    "required": ["text"],
    "additionalProperties": False,
}
FIVE = [["note", {"text": text}] for text in ("first", "second", "third", "fourth", "fifth")]


@pytest.fixture
def scripts_farm(farm: Farm) -> Farm:
    folder = farm.folder / "scripts"
    folder.mkdir()
    (folder / "note.py").write_text(NOTE)
    (folder / "note.schema.json").write_text(json.dumps(SCHEMA))
    (folder / "plain").write_text("#!/bin/sh\necho plain $#\n")
    (folder / "plain").chmod(0o755)
    (folder / "text.txt").write_text("not a program")
    farm.configure(CONFIG + '[jobs]\nscripts = ["scripts"]\ndestination = "s3://style-assets/jobs/"\n')
    for key, scripts in (("five", FIVE), ("listed by jobs", [])):
        farm.platform.put_preset({"key": key, "version": 1, "details": {"scripts": scripts}})
    return farm


def submit(farm: Farm, key: str, **details: Any) -> str:
    return farm.platform.submit(NewJob("TEST", key, details)).id


def events(farm: Farm, job_id: str, attempt: int = 1) -> list[Any]:
    return [entry.event for entry in read_journal(farm.directory(job_id, attempt).journal)]


@pytest.mark.parametrize(
    "elsewhere",
    [
        pytest.param(False, id="on the same machine"),
        pytest.param(True, id="on another machine", marks=pytest.mark.slow),
    ],
)
@pytest.mark.timeout(300)
def test_a_retry_of_what_failed_goes_on_from_the_failed_script(scripts_farm: Farm, elsewhere: bool) -> None:
    farm = scripts_farm
    (farm.folder / "scripts" / "broken").touch()
    job_id = submit(farm, "five")
    farm.work()
    job = farm.job(job_id)
    assert job.status == "COMPLETED_ERRORS"
    assert job.status_details == "a step failed: script note failed: exit code 7: the third one is broken"
    told = [event for event in events(farm, job_id) if isinstance(event, ScriptSucceeded | ScriptFailed)]
    assert [type(event).__name__ for event in told] == ["ScriptSucceeded", "ScriptSucceeded", "ScriptFailed"]
    failed = told[-1]
    assert (failed.script, failed.arguments, failed.exit_code) == ("note", {"text": "third"}, 7)
    assert failed.output == ["openjd_fail: noted", "the third one is broken"]
    assert failed.seconds > 0
    ended = {event.step: event.state for event in events(farm, job_id) if isinstance(event, StepEnded)}
    assert list(ended.values()) == ["succeeded", "succeeded", "failed", "skipped", "skipped"]
    assert {entry.name for entry in farm.platform.events(job_id)} >= {"script_succeeded", "script_failed"}

    (farm.folder / "scripts" / "broken").unlink()
    if elsewhere:
        shutil.rmtree(farm.directory(job_id).path)
    called = CliRunner().invoke(main, ["jobs", "retry", "--failed", job_id, "--config", str(farm.folder / "c.toml")])
    assert called.exit_code == 0, called.output
    farm.work()
    assert farm.job(job_id).status == "COMPLETED_SUCCESS"
    told = [event for event in events(farm, job_id, 2) if isinstance(event, ScriptSucceeded)]
    assert [event.arguments["text"] for event in told] == ["third", "fourth", "fifth"]
    stored = farm.config.storage.local.root / "style-assets" / "jobs" / job_id / "notes.txt"
    assert stored.read_text().split()[::2] == ["first", "second", "third", "third", "fourth", "fifth"]
    assert [(a.name, a.status) for a in farm.platform.assets(job_id)] == [("notes.txt", "UPLOADED")]


@pytest.mark.timeout(300)
def test_a_plain_retry_and_a_changed_definition_run_every_script(scripts_farm: Farm) -> None:
    farm = scripts_farm
    (farm.folder / "scripts" / "broken").touch()
    job_id = submit(farm, "five")
    farm.work()
    (farm.folder / "scripts" / "broken").unlink()
    changed = [["note", {"text": "before"}], *FIVE[1:]]
    farm.platform.put_preset({"key": "five", "version": 2, "details": {"scripts": changed}})
    digest = next(event for event in events(farm, job_id) if type(event).__name__ == "JobPlanned").template_sha256
    farm.platform.retry(job_id, done={"template_sha256": digest, "steps": ["01 note", "02 note"]})
    farm.work()
    ran = [event.arguments["text"] for event in events(farm, job_id, 2) if isinstance(event, ScriptSucceeded)]
    assert ran == ["before", "second", "third", "fourth", "fifth"]
    assert farm.platform.retry(job_id).done is None


@pytest.mark.timeout(300)
def test_scripts_come_only_from_configured_directories_with_declared_arguments(scripts_farm: Farm) -> None:
    farm = scripts_farm
    bad = {
        "/scripts/0/0: unknown script '../note'; expected one of note, plain": [["../note", {"text": "x"}]],
        "/scripts/0/0: unknown script '/bin/sh'": [["/bin/sh"]],
        "/scripts/0/0: unknown script 'text'": [["text"]],
        "/scripts/1/1/text: is missing; expected a value": [["plain"], ["note", {"times": 2}]],
        "/scripts/0/1/times: found 0; expected at least 1": [["note", {"text": "x", "times": 0}]],
        "/scripts/0/1: Additional properties are not allowed": [["plain", {"rm": "-rf"}]],
        "/scripts/0: found 'note'": ["note"],
        "/scripts: is missing": None,
    }
    ids = {message: submit(farm, "listed by jobs", scripts=scripts) for message, scripts in bad.items()}
    good = submit(farm, "listed by jobs", scripts=[["plain"], ["note", {"text": "--text=a b; $HOME", "times": 3}]])
    both = submit(farm, "five", scripts=[["plain"]])
    farm.work(slots=3)
    for message, job_id in ids.items():
        job = farm.job(job_id)
        assert (job.status, message in (job.status_details or "")) == ("COMPLETED_ERRORS", True), job.status_details
        assert not any(type(event).__name__ == "SessionStarted" for event in events(farm, job_id))
    assert "lists the scripts already" in (farm.job(both).status_details or "")
    assert farm.job(good).status == "COMPLETED_SUCCESS"
    assert (farm.directory(good).output / "notes.txt").read_text() == "--text=a b; $HOME 3\n"
    assert next(e.output for e in events(farm, good) if isinstance(e, ScriptSucceeded)) == ["plain 0"]


@pytest.mark.timeout(300)
def test_a_canceled_script_is_gone_with_everything_that_it_started(scripts_farm: Farm) -> None:
    farm = scripts_farm
    (farm.folder / "scripts" / "parent.py").write_text(
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(100)'])\n"
        "print('child', child.pid)\n"
        "time.sleep(100)\n"
    )
    job_id = submit(farm, "listed by jobs", scripts=[["parent"], ["plain"]])

    def child() -> psutil.Process | None:
        log = farm.directory(job_id).session_log
        found = re.search(r"vstitcher: child (\d+)", log.read_text() if log.exists() else "")
        return psutil.Process(int(found[1])) if found else None

    with farm.working():
        wait_until(child)
        started = child()
        assert started is not None
        parent = started.parent()
        assert parent is not None
        farm.platform.request_cancel(job_id)
        psutil.wait_procs([started, parent], timeout=30)
        assert not started.is_running()
        assert not parent.is_running()
        wait_until(lambda: farm.status(job_id) == "CANCELED")
    assert not any(isinstance(event, ScriptSucceeded) for event in events(farm, job_id))
