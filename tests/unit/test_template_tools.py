"""What helps a person to write templates: help, summary, graph, difference, dry run, explanations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from openjd_vstitcher.cli import main
from openjd_vstitcher.resources import resource

TEMPLATE = {
    "specificationVersion": "jobtemplate-2023-09",
    "name": "of {{Param.Who}}",
    "parameterDefinitions": [
        {"name": "Who", "type": "STRING", "allowedValues": ["me", "you"], "description": "Whose it is."},
        {"name": "Frames", "type": "INT", "default": 2, "minValue": 1, "maxValue": 9},
        {"name": "Scene", "type": "PATH", "default": "a b.bw"},
    ],
    "jobEnvironments": [{"name": "E", "script": {"actions": {"onEnter": {"command": "start"}}}}],
    "steps": [
        {
            "name": 'render "it"',
            "parameterSpace": {
                "taskParameterDefinitions": [{"name": "Frame", "type": "INT", "range": "1-{{Param.Frames}}"}]
            },
            "script": {"actions": {"onRun": {"command": "draw", "args": ["{{Param.Scene}}", "{{Task.Param.Frame}}"]}}},
        },
        {
            "name": "pack",
            "dependencies": [{"dependsOn": 'render "it"'}],
            "script": {"actions": {"onRun": {"command": "zip", "args": ["{{Session.WorkingDirectory}}"]}}},
        },
    ],
}


def write(file: Path, data: Any) -> Path:
    file.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return file


@pytest.fixture
def template(tmp_path: Path) -> Path:
    return write(tmp_path / "t.yaml", TEMPLATE)


def call(*args: str | Path) -> Result:
    return CliRunner().invoke(main, [str(each) for each in args], env={"COLUMNS": "200"})


def test_help_beside_a_template_shows_its_parameters(template: Path) -> None:
    text = " ".join(call("render", template, "--help").output.split())
    assert "Who (STRING) Whose it is. One of me, you. Required." in text
    assert "Frames (INT) 1 to 9. Default: 2." in text
    assert "Parameters of" not in call("render", "--help").output


def test_a_dry_run_prints_the_commands_in_order_and_runs_none(template: Path) -> None:
    rule = {"source_path_format": "POSIX", "source_path": str(template.parent), "destination_path": "/farm"}
    rules = json.dumps({"version": "pathmapping-1.0", "path_mapping_rules": [rule]})
    done = call("render", template, "-p", "Who=me", "--dry-run", "--path-mapping-rules", rules)
    assert done.output.splitlines() == [
        "Job: of me",
        "enter E",
        "    start",
        'run render "it" (Frame 1)',
        "    draw '/farm/a b.bw' 1",
        'run render "it" (Frame 2)',
        "    draw '/farm/a b.bw' 2",
        "run pack",
        "    zip '{{Session.WorkingDirectory}}'",
        "exit E",
        "    (nothing)",
    ]


def test_a_summary_counts_steps_and_tasks(template: Path) -> None:
    summary = json.loads(call("summary", template, "-p", "Who=you", "-p", "Frames=5", "--json").output)
    assert (summary["name"], summary["tasks"], summary["environments"]) == ("of you", 6, ["E"])
    assert summary["steps"][1]["depends_on"] == ['render "it"']
    assert summary["parameters"]["Scene"] == str(template.parent / "a b.bw")
    assert "pack" in call("summary", template, "-p", "Who=you").output
    assert call("summary", template).exit_code == 2


def test_a_graph_has_a_box_for_each_step(template: Path) -> None:
    assert call("graph", template, "-p", "Who=me").output.splitlines() == [
        "flowchart LR",
        '    s1["render #quot;it#quot;<br>2 tasks"]',
        '    s2["pack"]',
        "    s1 --> s2",
    ]


def test_templates_that_mean_the_same_do_not_differ(tmp_path: Path, template: Path) -> None:
    other = tmp_path / "t.json"
    other.write_text(json.dumps(dict(reversed(TEMPLATE.items()))), encoding="utf-8")
    same = call("diff", template, other)
    assert (same.exit_code, same.output) == (0, "")


def test_a_difference_is_told_by_name(tmp_path: Path, template: Path) -> None:
    changed = json.loads(json.dumps(TEMPLATE))
    changed["steps"][1]["script"]["actions"]["onRun"]["command"] = "tar"
    del changed["parameterDefinitions"][2]
    del changed["steps"][0]["script"]["actions"]["onRun"]["args"][0]
    done = call("diff", template, write(tmp_path / "new.yaml", changed))
    assert done.exit_code == 1
    assert 'steps.pack.script.actions.onRun.command\n  - "zip"\n  + "tar"\n' in done.output
    assert "parameterDefinitions.Scene\n  - {" in done.output
    changed["steps"].reverse()
    assert "steps (order)" in call("diff", template, write(tmp_path / "new.yaml", changed)).output


def test_a_preset_and_its_template_do_not_differ() -> None:
    done = call("diff", resource("examples/presets/dxf_v0.json"), resource("templates/dxf_v0.yaml"))
    assert (done.exit_code, done.output) == (0, "")


def test_fields_are_explained_and_near_names_proposed() -> None:
    text = call("explain", "MEDIA_RENDER.dpi").output
    assert text.splitlines()[0] == "MEDIA_RENDER.dpi (number)"
    assert "at least 1, at most 2400" in text
    assert "output_file_name (string, required): " in call("explain", "Export").output
    wrong = call("explain", "MEDIA_RENDER.dip")
    assert wrong.exit_code == 2
    assert "did you mean 'dpi'?" in wrong.output


@pytest.mark.parametrize("kind", ["template", "environment", "preset", "job", "event"])
def test_schemas_are_printed(kind: str) -> None:
    assert json.loads(call("schema", kind).output)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
