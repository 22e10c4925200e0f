"""Paths among parameter values: relative ones become absolute, in the right folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.errors import InvalidInput
from openjd_vstitcher.session.plan import make_plan
from openjd_vstitcher.translation.check import decode
from openjd_vstitcher.translation.extensions import EXTENSIONS


def values(definition: dict[str, Any], given: dict[str, Any]) -> Any:
    data = {
        "specificationVersion": "jobtemplate-2023-09",
        "name": "n",
        "extensions": ["EXPR"],
        "parameterDefinitions": [{"name": "P", **definition}],
        "steps": [{"name": "s", "script": {"actions": {"onRun": {"command": "true"}}}}],
    }
    template = decode(data, "t", EXTENSIONS)
    plan = make_plan(template, given, source="t", base=Path("/work"), template_dir=Path("/show"))
    return plan.values["P"].value


@pytest.mark.parametrize(
    ("given", "value"),
    [("a/../b.bw", "/work/b.bw"), (".", "/work"), ("/abs/a", "/abs/a"), ("s3://b/../k", "s3://b/../k"), ("", "")],
)
def test_a_given_path_is_in_the_working_directory(given: str, value: str) -> None:
    assert values({"type": "PATH"}, {"P": given}) == value
    assert values({"type": "LIST[PATH]"}, {"P": [given, "x"]}) == [value, "/work/x"]
    assert values({"type": "LIST[PATH]"}, {"P": f'["{given}"]'}) == [value]


def test_default_paths_are_in_the_folder_of_the_template() -> None:
    assert values({"type": "PATH", "default": "a.bw"}, {}) == "/show/a.bw"
    assert values({"type": "LIST[PATH]", "default": ["in/a.bw", "/mnt/b.bw"]}, {}) == ["/show/in/a.bw", "/mnt/b.bw"]


@pytest.mark.parametrize("default", ["../a.bw", "in/../../a.bw"])
def test_a_default_path_that_leaves_the_folder_is_refused(default: str) -> None:
    for definition in ({"type": "PATH", "default": default}, {"type": "LIST[PATH]", "default": ["ok", default]}):
        with pytest.raises(InvalidInput, match="/parameterDefinitions/0: "):
            values(definition, {})
