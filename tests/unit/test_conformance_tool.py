"""How `tools/conformance.py` judges a case and writes the score."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

_FILE = Path(__file__).parents[2] / "tools" / "conformance.py"
_SPEC = importlib.util.spec_from_file_location("conformance", _FILE)
assert _SPEC is not None
assert _SPEC.loader is not None
conformance = importlib.util.module_from_spec(_SPEC)
sys.modules["conformance"] = conformance
_SPEC.loader.exec_module(conformance)


def case(name: str = "a.test.yaml", **data: Any) -> Any:
    return conformance.Case(Path(name), {"template": {}, **data})


@pytest.mark.parametrize(
    ("data", "code", "output", "reason"),
    [
        ({"expected": {"output": ["a", {"anyOf": ["x", "b"]}]}}, 0, "a b", ""),
        ({"expected": {"output": ["a", {"anyOf": ["x", "y"]}]}}, 0, "a b", "did not print 'x' or 'y'"),
        ({"expected": {"forbidden": ["b"]}}, 0, "a b", "printed 'b', which is forbidden"),
        ({"expected": {"taskFailure": {}}}, 0, "", "succeeded; expected a failed task"),
        ({"expected": {"taskFailure": {"exitCode": 3}}}, 1, "exited with code: 0\nexited with code: 3", ""),
        (
            {"expected": {"taskFailure": {"exitCode": 3}}},
            1,
            "exited with code: 4",
            "the action's exit code is [4]; expected 3",
        ),
    ],
)
def test_a_case_is_judged_by_what_it_expects(data: dict[str, Any], code: int, output: str, reason: str) -> None:
    assert conformance.judged(case(**data), code, output) == reason


def test_an_invalid_case_must_be_refused() -> None:
    invalid = case("a.invalid.test.yaml", expected={"output": ["never"]})
    assert conformance.judged(invalid, 2, "") == ""
    assert conformance.judged(invalid, 0, "") == "was accepted; expected a refusal or a failure"


def test_the_page_counts_by_extension_and_lists_what_fails(tmp_path: Path) -> None:
    for name, extensions in (("a", []), ("b", ["EXPR"]), ("c", ["EXPR"])):
        data = {"template": {"name": name, "extensions": extensions}}
        (tmp_path / f"{name}.test.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    cases = list(conformance.cases_in([tmp_path]))
    tool = conformance.Tool("ours", Path(sys.executable))
    made = conformance.page([tool], cases, {("ours", str(tmp_path / "c.test.yaml")): "why"})
    assert "| base | 1 of 1 |\n| EXPR | 1 of 2 |\n| all | 2 of 3 |" in made
    assert "- ours: c: why" in made
