"""Jobs for handlers and scripts become templates that the released OpenJD tool runs too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from openjd.model import SymbolTable

from openjd_vstitcher.errors import InvalidInput
from openjd_vstitcher.translation.check import check_commands, check_file, decode
from openjd_vstitcher.translation.definition import is_definition, load_definition
from openjd_vstitcher.translation.handler import HandlerFacts, translate_handler
from openjd_vstitcher.translation.job import JobContext, TranslatedJob
from openjd_vstitcher.translation.kinds import kind_of, translate_job
from openjd_vstitcher.translation.outputs import DEFAULT_TYPES, output_named
from openjd_vstitcher.translation.scripts import ScriptFacts, translate_scripts
from openjd_vstitcher.translation.task import as_job, load_task
from openjd_vstitcher.translation.text import to_yaml

OPENJD = Path(__file__).parents[2] / ".venv-openjd" / "bin" / "openjd"
COUNT = {"type": "object", "properties": {"count": {"type": "integer", "minimum": 1, "default": 2}, "text": {}}}


def context(**changes: Any) -> JobContext:
    values: dict[str, Any] = {
        "output_dir": "/out",
        "inputs_manifest": "/inputs.json",
        "engine": "auto",
        "extra_exports": {},
        "asset_types": {"DATA", "MEDIA_RENDER"},
        "handler": lambda name: HandlerFacts(name, COUNT, inputs=("text",), timeout_s=7),
        "script": lambda name: ScriptFacts(name, COUNT),
        "destination": "s3://a-b-c/",
    }
    return JobContext(**{**values, **changes})


def row(**details: Any) -> dict[str, Any]:
    return {"key": "k", "version": 1, "details": details}


def translated(definition: dict[str, Any], details: dict[str, Any], **changes: Any) -> TranslatedJob:
    return translate_job({"id": "j", "details": details}, definition, context(**changes))


def run_data(job: TranslatedJob, step: int = 0) -> Any:
    template = decode(job.template, "test")
    script = template.steps[step].script
    assert script is not None
    assert script.embeddedFiles is not None
    return json.loads(script.embeddedFiles[0].data.resolve(symtab=SymbolTable()))


def timeout_of(job: TranslatedJob, step: int = 0) -> int:
    return int(job.template["steps"][step]["script"]["actions"]["onRun"]["timeout"])


@pytest.mark.parametrize(
    ("details", "kind"),
    [({"handler": "h"}, "handler"), ({"scripts": []}, "scripts"), ({"instructions": []}, "preset"), (None, "preset")],
)
def test_the_kind_of_a_job_follows_from_its_definition(details: Any, kind: str) -> None:
    definition = {"key": "k", "details": details}
    assert kind_of({}, definition) == kind
    assert is_definition(definition) == (kind != "preset")


def test_parameters_of_the_job_go_before_those_of_the_definition_and_the_schema() -> None:
    definition = row(handler="h", parameters={"count": 3, "other": 1})
    assert run_data(translated(definition, {}))["input_params"] == {"count": 3, "other": 1}
    assert run_data(translated(definition, {"parameters": {"count": 4}}))["input_params"] == {"count": 4, "other": 1}
    assert run_data(translated(row(handler="h"), {}))["input_params"] == {"count": 2}


@pytest.mark.parametrize("text", ["{{Param.JobId}}", "}}{{", "a\\b\nopenjd_fail: x", "é\U0001f600\u2028", "$HOME `id`"])
def test_parameters_arrive_as_they_are(text: str) -> None:
    nested = {"deep": [{"er": {"est": text}}], text: 1}
    assert run_data(translated(row(handler="h"), {"parameters": {"other": nested}}))["input_params"]["other"] == nested
    job = translated(row(scripts=[["s", {"other": nested}]]), {})
    assert run_data(job)["arguments"]["other"] == nested


def test_the_time_limit_is_that_of_the_job_else_the_definition_else_the_handler() -> None:
    assert timeout_of(translated(row(handler="h"), {})) == 7
    assert timeout_of(translated(row(handler="h", timeout_s=8), {})) == 8
    assert timeout_of(translated(row(handler="h", timeout_s=8), {"timeout_s": 9})) == 9
    assert timeout_of(translated(row(scripts=[["s"]], timeout_s=8), {})) == 8
    for bad in (0, 604_801, True, "9"):
        with pytest.raises(InvalidInput, match="/timeout_s: found"):
            translated(row(handler="h"), {"timeout_s": bad})


def test_only_a_handler_with_input_files_stages_them() -> None:
    without = translated(row(handler="h"), {})
    assert (without.files, "jobEnvironments" in without.template) == ({}, False)
    staged = translated(row(handler="h"), {"parameters": {"text": "s3://a-b-c/t.txt"}})
    assert staged.files == {"text": "s3://a-b-c/t.txt"}
    assert [each["name"] for each in staged.template["jobEnvironments"]] == ["WorkingDirectory"]
    assert staged.parameters["InputsManifest"] == "/inputs.json"


def test_each_script_is_a_step_that_depends_on_the_one_before() -> None:
    job = translated(row(scripts=[["a", {"count": 1}], ["b"], ["a"]]), {})
    steps = decode(job.template, "test").steps
    assert [step.name for step in steps] == ["01 a", "02 b", "03 a"]
    assert [[d.dependsOn for d in step.dependencies or []] for step in steps] == [[], ["01 a"], ["02 b"]]
    assert run_data(job, 1) == {"script": "b", "arguments": {}}
    assert job.continues


def test_every_problem_of_a_list_of_scripts_is_told_with_its_place() -> None:
    with pytest.raises(InvalidInput) as refused:
        translated(row(scripts=[["a", {"count": 0}], ["b"], ["a", {"count": "x"}]]), {})
    assert [problem.pointer for problem in refused.value.problems] == [
        "/details/scripts/0/1/count",
        "/details/scripts/2/1/count",
    ]


def test_files_get_the_configured_type_then_the_built_in_one_or_none_that_is_known() -> None:
    job = translated(row(handler="h"), {}, output_types={"*.csv": "MEDIA_RENDER"})
    assert job.output_types is not None
    types = {
        name: output_named(name, job.output_types) for name in ("A.CSV", "a.png", "a.mp4", "a", "result.json", ".a")
    }
    assert {name: output.asset_type if output else "none" for name, output in types.items()} == {
        "A.CSV": "MEDIA_RENDER",
        "a.png": "MEDIA_RENDER",
        "a.mp4": None,
        "a": "DATA",
        "result.json": "none",
        ".a": "none",
    }
    assert list(DEFAULT_TYPES)[-1] == "*"


def test_a_definition_names_a_handler_or_scripts() -> None:
    for details in ({"handler": "h", "scripts": []}, {"handler": ""}, {"scripts": [[]]}, {"handler": "h", "ham": 1}):
        with pytest.raises(InvalidInput):
            load_definition({"key": "k", "details": details}, "test")


def test_templates_run_allowed_commands_only_and_are_the_same_bytes() -> None:
    for definition in (row(handler="h"), row(scripts=[["s"]])):
        first, second = (
            translated(definition, {"parameters": {"a": 1, "b": 2}} if i else {"parameters": {"b": 2, "a": 1}})
            for i in (0, 1)
        )
        assert to_yaml(first.template) == to_yaml(second.template)
        check_commands(first.template, ("openjd-vs",), "test")


def test_documents_are_recognised(tmp_path: Path) -> None:
    from openjd_vstitcher.config import Config

    file = tmp_path / "d.json"
    for data, found in (
        (row(handler="h"), "a valid job definition"),
        ({"handler": "h"}, "a valid handler task"),
        ({"scripts": [["s"]]}, "a valid scripts task"),
    ):
        file.write_text(json.dumps(data))
        assert check_file(file, Config()) == found


@pytest.mark.parametrize("task", [{"handler": "h", "parameters": {"a": 1}}, {"scripts": [["s"]], "timeout_s": 5}])
def test_a_task_becomes_a_definition_and_details_that_can_be_translated(task: dict[str, Any]) -> None:
    definition, details = as_job(task, load_task(task, "test"))
    job = translated(definition, details)
    assert timeout_of(job) == task.get("timeout_s", 7)


@pytest.mark.slow
def test_the_released_tool_runs_the_templates(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "say.py").write_text("import sys\nopen('said.txt', 'w').write(sys.argv[1])\n")
    (tmp_path / "c.toml").write_text('[jobs]\nscripts = ["scripts"]\n')
    facts = HandlerFacts("hello_world", {})
    parameters = {"name": "Ann {{x}}", "processing_time": 0}
    templates = {
        "handler.yaml": translate_handler("k", facts, parameters, timeout_s=60),
        "scripts.yaml": translate_scripts("k", [["say", {"text": "hi"}]], timeout_s=60),
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for name, template in templates.items():
        (tmp_path / name).write_text(to_yaml(template))
        done = subprocess.run(
            [OPENJD, "run", tmp_path / name, "-p", f"OutputDir={tmp_path / 'out'}"],
            capture_output=True,
            text=True,
            timeout=100,
            env={**os.environ, "PATH": path, "OPENJD_VS_CONFIG": str(tmp_path / "c.toml")},
        )
        assert done.returncode == 0, done.stdout[-3000:]
    assert json.loads((tmp_path / "out" / "result.json").read_text())["message"] == "Hello, Ann {{x}}!"
    assert (tmp_path / "out" / "said.txt").read_text() == "--text=hi"
