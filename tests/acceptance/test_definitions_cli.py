"""Job definitions and tasks on the command line: stored, checked and submitted; results are shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from openjd_vstitcher.cli import main
from openjd_vstitcher.config import load_config
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.values import Outcome

Call = Callable[..., str]
SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "say.py").write_text("")
    (tmp_path / "scripts" / "say.schema.json").write_text(json.dumps(SCHEMA))
    (tmp_path / "c.toml").write_text('[platform]\npath = "platform.sqlite"\n[jobs]\nscripts = ["scripts"]\n')
    monkeypatch.setenv("OPENJD_VS_CONFIG", str(tmp_path / "c.toml"))

    def invoke(*args: str, code: int = 0) -> str:
        called = CliRunner().invoke(main, args)
        assert called.exit_code == code, called.output
        return (called.stdout if code == 0 else called.output).strip()

    return invoke


def write(name: str, data: Any) -> str:
    Path(name).write_text(json.dumps(data))
    return name


def definition(version: int, name: str = "Ann") -> dict[str, Any]:
    details = {"handler": "hello_world", "parameters": {"name": name}}
    return {"key": "greeting", "version": version, "job_type": "TEST", "details": details}


def test_an_update_of_a_definition_needs_a_higher_version(call: Call) -> None:
    assert call("presets", "put", write("d.json", definition(2))) == "greeting"
    call("presets", "put", write("d.json", definition(2)))
    for version in (1, 2):
        refused = call("presets", "put", write("d.json", definition(version, "Bob")), code=2)
        assert f"/version: found {version}; expected more than 2" in refused
    call("presets", "put", write("d.json", definition(3, "Bob")))
    stored = json.loads(call("presets", "show", "greeting"))
    assert (stored["version"], stored["details"]["parameters"]) == (3, {"name": "Bob"})


def test_a_job_of_a_definition_is_checked_when_it_is_submitted(call: Call) -> None:
    bad = write("bad.json", {"parameters": {"processing_time": 301}})
    message = call("submit", write("d.json", definition(1)), "--details", bad, code=2)
    assert "/parameters/processing_time: found 301; expected 0 to 300" in message
    assert call("jobs", "list", "--json") == "[]"
    job_id = call("submit", "d.json", "--details", write("good.json", {"parameters": {"processing_time": 1}}))
    by_key = call("submit", "greeting", "--priority", "3")
    jobs = {job["id"]: job for job in json.loads(call("jobs", "list", "--json"))}
    assert jobs[job_id]["details"] == {"parameters": {"processing_time": 1}}
    assert (jobs[by_key]["preset_key"], jobs[by_key]["priority"], jobs[by_key]["type"]) == ("greeting", 3, "TEST")


def test_tasks_are_submitted_with_a_definition_that_they_share(call: Call) -> None:
    hello = {"handler": "hello_world", "parameters": {"name": "Ann"}, "type": "TEST", "priority": 2}
    first = call("submit", write("t.json", hello))
    call("submit", write("t.json", {**hello, "parameters": {"name": "Bob"}}))
    call("submit", write("s.json", {"scripts": [["say", {"text": "x"}]], "type": "TEST"}))
    job = json.loads(call("jobs", "show", first, "--json"))["job"]
    assert (job["details"], job["priority"]) == ({"parameters": {"name": "Ann"}}, 2)
    assert [row["key"] for row in json.loads(call("presets", "list", "--json"))] == ["handler.hello_world", "scripts"]


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"handler": "hello_world", "parameters": {"name": ""}, "type": "TEST"}, "/parameters/name"),
        ({"handler": "hello_world"}, "/type: is missing; expected a job type"),
        ({"scripts": [["say"]], "type": "TEST"}, "/scripts/0/1/text: is missing"),
        ({"scripts": [["rm"]], "type": "TEST"}, "/scripts/0/0: unknown script 'rm'; expected one of say"),
        ({"preset": "x.json"}, "/preset: a task for the queue names a handler"),
    ],
)
def test_a_bad_task_is_refused(call: Call, task: dict[str, Any], message: str) -> None:
    assert message in call("submit", write("t.json", task), code=2)
    assert call("jobs", "list", "--json") == "[]"


def test_the_result_of_a_job_is_shown(call: Call) -> None:
    job_id = call("submit", write("d.json", definition(1)))
    platform = open_platform(load_config(Path("c.toml")).platform)
    claim = platform.claim("w", ["TEST"], lease_s=60)
    assert claim is not None
    platform.finish(claim, Outcome("COMPLETED_SUCCESS", result={"message": "Hällo"}))
    platform.close()
    assert 'result: {"message": "Hällo"}' in call("jobs", "show", job_id)
    assert json.loads(call("jobs", "show", job_id, "--json"))["job"]["result"] == {"message": "Hällo"}
