"""A directory of export modules becomes export types that presets may use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openjd_vstitcher.errors import ConfigError, InvalidInput
from openjd_vstitcher.export_types import extra_exports
from openjd_vstitcher.presets import load_preset
from openjd_vstitcher.resources import resource

EXAMPLE = resource("examples/custom_export")


def test_example_is_a_type_that_its_preset_may_use() -> None:
    preset = json.loads((EXAMPLE / "preset.json").read_text(encoding="utf-8"))
    with pytest.raises(InvalidInput):
        load_preset(preset)
    [export] = load_preset(preset, extra_exports=extra_exports(EXAMPLE)).exports
    assert (export.export_type, export.asset_type) == ("COLORWAY_RENDERS", "DXA_ASSET_BUNDLE")


def test_instruction_that_its_schema_refuses_is_refused() -> None:
    preset = json.loads((EXAMPLE / "preset.json").read_text(encoding="utf-8"))
    preset["details"]["instructions"][0]["colorways"] = "Pine"
    with pytest.raises(InvalidInput, match="/details/instructions/0/colorways"):
        load_preset(preset, extra_exports=extra_exports(EXAMPLE))


def test_no_directory_means_no_more_types() -> None:
    assert extra_exports(None) == {}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"mine.py": ""}, "mine.schema.json is missing"),
        ({"mine.schema.json": "{}"}, "mine.py is missing"),
        ({"mine.py": "", "mine.schema.json": "{"}, "cannot read"),
        ({"mine.py": "", "mine.schema.json": '{"type": 7}'}, "is not a valid JSON Schema"),
        ({"mine.py": "", "mine.schema.json": "true"}, "is not a JSON Schema of an instruction"),
        ({"mine.py": "", "mine.schema.json": '{"x-asset-type": 7}'}, "x-asset-type: found 7; expected an asset type"),
        (
            {"mine.py": "", "mine.schema.json": '{"x-asset-type": "a b"}'},
            "x-asset-type: found 'a b'; expected",
        ),
    ],
)
def test_incomplete_directory_is_refused(tmp_path: Path, files: dict[str, str], message: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        extra_exports(tmp_path)


def test_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no directory"):
        extra_exports(tmp_path / "missing")
