"""`openjd-vs run-task` and `openjd-vs handlers`: tasks without a queue."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from openjd_vstitcher.cli import main
from openjd_vstitcher.validation import shipped_schema

from .conftest import BIN, Command

pytestmark = pytest.mark.timeout(300)

SCRIPT = "import sys, time\nprint(sys.argv[1])\nopen('said.txt', 'a').write(sys.argv[1] + chr(10))\n"


def write(path: Path, data: Any) -> Path:
    path.write_text(json.dumps(data))
    return path


def status(folder: Path) -> dict[str, Any]:
    data = json.loads((folder / "status.json").read_text())
    Draft202012Validator(shipped_schema("task_status")).validate(data)
    assert data["id"] == "cli"
    times = [state["at"] for state in data["states"]]
    assert times == sorted(times)
    return data  # type: ignore[no-any-return]


def states(folder: Path) -> list[str]:
    return [state["state"] for state in status(folder)["states"]]


def test_a_handler_task_leaves_result_output_and_status(openjd_vs: Command, tmp_path: Path) -> None:
    task = write(tmp_path / "t.json", {"handler": "hello_world", "parameters": {"name": "Ann", "processing_time": 0}})
    done = openjd_vs("run-task", task)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "result.json").read_text()) == {"message": "Hello, Ann!", "processing_time": 0}
    assert "Hello, Ann!" in (tmp_path / "output.log").read_text()
    assert states(tmp_path) == ["NEW", "IN_PROGRESS", "COMPLETED_SUCCESS"]
    assert status(tmp_path)["exit_code"] == 0


def test_scripts_run_in_order_and_a_failure_is_told(openjd_vs: Command, tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "say.py").write_text(SCRIPT)
    write(tmp_path / "scripts" / "say.schema.json", {"type": "object", "required": ["text"]})
    (tmp_path / "scripts" / "fail.py").write_text("raise SystemExit('no more')")
    config = tmp_path / "c.toml"
    config.write_text('[jobs]\nscripts = ["scripts"]\n')
    scripts = [["say", {"text": "one"}], ["say", {"text": "two"}], ["fail"], ["say", {"text": "three"}]]
    done = openjd_vs("run-task", write(tmp_path / "t.json", {"scripts": scripts}), "--config", config)
    assert done.returncode == 3
    assert "script fail failed: exit code 1: no more" in done.stderr
    assert (tmp_path / "output" / "said.txt").read_text() == "--text=one\n--text=two\n"
    told = status(tmp_path)
    assert (told["state"], told["exit_code"]) == ("COMPLETED_ERRORS", 3)
    assert told["outputs"] == [{"name": "said.txt", "state": "made", "size_bytes": 22}]
    assert told["failures"][0]["message"] == "script fail failed: exit code 1: no more"


def test_a_template_of_other_programs_runs_too(openjd_vs: Command, tmp_path: Path) -> None:
    action = {"command": "echo", "args": ["hello from a guest"]}
    template = {
        "specificationVersion": "jobtemplate-2023-09",
        "name": "guest",
        "steps": [{"name": "s", "script": {"actions": {"onRun": action}}}],
    }
    done = openjd_vs("run-task", write(tmp_path / "t.json", {"template": template}))
    assert done.returncode == 0, done.stderr
    assert (status(tmp_path)["state"], status(tmp_path)["outputs"]) == ("COMPLETED_SUCCESS", [])
    assert "hello from a guest" in (tmp_path / "output.log").read_text()


def test_a_preset_task_makes_the_exports_of_its_garment(openjd_vs: Command, tmp_path: Path, garment: Path) -> None:
    export = {"type": "EXPORT", "export_type": "SCAN", "output_file_name": "scan.json"}
    preset = {"key": "scan", "details": {"instructions": [export], "remote_destination": "s3://a-b-c/"}}
    write(tmp_path / "scan.preset.json", preset)
    task = {"preset": "scan.preset.json", "details": {"input_file_uri": str(garment)}}
    done = openjd_vs("run-task", write(tmp_path / "t.json", task))
    assert done.returncode == 0, done.stderr
    assert [(o["name"], o["state"]) for o in status(tmp_path)["outputs"]] == [("scan.json", "made")]
    assert not (tmp_path / "result.json").exists()


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"handler": "hello_world", "parameters": {"processing_time": -1}}, "/parameters/processing_time: found -1"),
        ({"handler": "none"}, "unknown handler 'none'"),
        ({"handler": "hello_world", "scripts": [["a"]]}, "expected one of preset, template, handler, scripts; found"),
        ({"scripts": [["a", {}, 3]]}, "/scripts/0: found 3 items; expected 1 to 2"),
        ({"scripts": [["a"]], "details": {}}, "/details: does not go with a scripts task"),
        ({"task": 1}, "Additional properties are not allowed"),
        ({"handler": "nwb_raster_plot", "parameters": {"nwb_file": "none.nwb"}}, "/parameters/nwb_file"),
    ],
)
def test_bad_input_ends_with_code_2_and_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    called = CliRunner().invoke(main, ["run-task", str(write(tmp_path / "t.json", task))])
    assert called.exit_code == 2
    assert message in called.output
    assert (states(tmp_path), status(tmp_path)["exit_code"]) == (["NEW", "COMPLETED_ERRORS"], 2)
    assert not (tmp_path / "output").exists()


def test_an_interrupted_task_is_canceled(environment: dict[str, str], tmp_path: Path) -> None:
    task = write(tmp_path / "t.json", {"handler": "hello_world", "parameters": {"processing_time": 200}})
    command = [BIN / "openjd-vs", "run-task", task, "--json"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "action_status" in line:
                process.send_signal(signal.SIGINT)
                break
        process.stdout.read()
    assert process.returncode == 130
    assert states(tmp_path) == ["NEW", "IN_PROGRESS", "CANCELED"]


def test_a_new_handler_runs_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").write_text('[jobs]\nhandlers = ["mine"]\n')
    monkeypatch.setenv("OPENJD_VS_CONFIG", str(tmp_path / "c.toml"))

    def call(*args: str, code: int = 0) -> str:
        called = CliRunner().invoke(main, ["handlers", *args])
        assert called.exit_code == code, called.output
        return called.output

    assert call("new", "make_lines", "--into", "mine") == "mine/make_lines.py\n"
    assert "is there already" in call("new", "make_lines", "--into", "mine", code=1)
    assert "expected a Python name" in call("new", "make-lines", code=2)
    listed = {row["name"]: row for row in json.loads(call("list", "--json"))}
    assert {"hello_world", "nwb_raster_plot", "make_lines"} <= set(listed)
    assert listed["make_lines"]["description"] == "What it does, in one sentence."
    assert '"lines": 2' in call("run", "make_lines", "-p", "text=12", "-p", "count=2")
    assert (tmp_path / "output" / "make_lines.txt").read_text() == "12\n12\n"
    assert "/parameters/text: is missing" in call("run", "make_lines", code=2)
    (tmp_path / "mine" / "broken.py").write_text("import nothing_of_that_name")
    assert "No module named 'nothing_of_that_name'" in call("list")
