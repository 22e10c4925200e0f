"""Law 8: a job from the queue runs nothing but the calls that our own templates need."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from openjd_vstitcher.errors import InvalidInput
from openjd_vstitcher.resources import resource
from openjd_vstitcher.translation.commands import check_commands

ALLOWED = ("openjd-vs", "vstitcher-openjd")
OURS = sorted(resource("templates").glob("*.yaml")) + sorted(resource("templates/environments").glob("*.yaml"))


def refused(data: Any, allowed: tuple[str, ...] = ALLOWED) -> list[str]:
    try:
        check_commands(data, allowed, "t.yaml")
    except InvalidInput as error:
        return [str(problem) for problem in error.problems]
    return []


def running(command: str, *args: str, **more: Any) -> dict[str, Any]:
    return {
        "steps": [{"name": "s", "script": {"actions": {"onRun": {"command": command, "args": list(args)}}}, **more}]
    }


def test_our_own_templates_are_allowed() -> None:
    assert OURS
    for file in OURS:
        assert refused(yaml.safe_load(file.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "words",
    [
        ("openjd-vs", "render", "evil.yaml"),
        ("openjd-vs", "config", "show"),
        ("openjd-vs",),
        ("openjd-vs", "{{Param.What}}", "evil.yaml"),
        ("openjd-vs", "--config", "evil.toml", "stage"),
        ("openjd-vs", "stage", "--config", "evil.toml"),
        ("openjd-vs", "stage", "--into=/"),
        ("openjd-vs", "teardown", "{{Param.Folder}}"),
        ("openjd-vs", "pack", "--run-data", "f", "{{Task.Param.More}}"),
        ("vstitcher-openjd", "daemon", "restart"),
        ("vstitcher-openjd", "daemon", "start", "--launcher", "/bin/sh"),
        ("bash", "-c", "id"),
        ("{{Param.Command}}",),
    ],
)
def test_a_call_that_no_template_of_ours_makes_is_refused(words: tuple[str, ...]) -> None:
    [problem] = refused(running(*words))
    assert problem.startswith("/steps/0/script/actions/onRun/")


def test_a_call_of_a_command_that_the_worker_allows_besides_is_its_own_matter() -> None:
    assert refused(running("blender", "--anything"), (*ALLOWED, "blender")) == []


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"bash": {"script": "id"}}, "/steps/0/bash"),
        ({"python": {"script": "1"}}, "/steps/0/python"),
        (
            {"stepEnvironments": [{"name": "E", "variables": {"PATH": "/evil"}}]},
            "/steps/0/stepEnvironments/0/variables",
        ),
        (
            {"stepEnvironments": [{"name": "E", "script": {"actions": {"onWrapTaskRun": {"command": "openjd-vs"}}}}]},
            "/steps/0/stepEnvironments/0/script/actions/onWrapTaskRun",
        ),
        (
            {"stepEnvironments": [{"name": "E", "script": {"embeddedFiles": [{"name": "F", "runnable": True}]}}]},
            "/steps/0/stepEnvironments/0/script/embeddedFiles/0/runnable",
        ),
    ],
)
def test_what_runs_or_changes_something_by_another_way_is_refused(more: dict[str, Any], place: str) -> None:
    found = refused(running("openjd-vs", "teardown", "{{Session.WorkingDirectory}}", **more))
    assert [problem.partition(":")[0] for problem in found][:1] == [place]


def test_text_in_run_data_is_no_field() -> None:
    file = {"name": "RunData", "type": "TEXT", "data": json.dumps({"bash": 1, "variables": 2})}
    data = running("openjd-vs", "pack", "--run-data", "file://{{Task.File.RunData}}")
    data["steps"][0]["script"]["embeddedFiles"] = [file]
    assert refused(data) == []
