"""The faults that `make mutants` puts into the code: each changes its place and nothing else."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = '''"""A module."""

LIMIT = 3


def most(values: list[int], *, strict: bool = False) -> int:
    """The largest."""
    if not values or (strict and len(values) < LIMIT):
        values.append(
            0
        )
    return max(values) + 1
'''


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    monkeypatch.delitem(sys.modules, "faults", raising=False)
    (tmp_path / "m.py").write_text(SOURCE)
    return tmp_path


def test_every_fault_changes_one_place_and_is_taken_back(checkout: Path) -> None:
    from faults import faults, put

    found = list(faults(checkout, "m.py"))
    for fault in found:
        assert put(fault, checkout) == SOURCE
        changed = (checkout / "m.py").read_text()
        assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(SOURCE)), fault
        (checkout / "m.py").write_text(SOURCE)
    assert [str(fault).partition(": ")[2] for fault in found] == [
        "3  →  4",
        "False  →  True",
        "not values or (strict and len(values) < LIMIT)  →  not (not values or (strict and len(values) < LIMIT))",
        "not values or (strict and len(values) < LIMIT)  →  not values and (strict and len(values) < LIMIT)",
        "not values  →  values",
        "strict and len(values) < LIMIT  →  strict or len(values) < LIMIT",
        "len(values) < LIMIT  →  len(values) <= LIMIT",
        "values.append(0)  →  pass",
        "0  →  1",
        "return max(values) + 1  →  return None",
        "max(values) + 1  →  max(values) - 1",
        "1  →  2",
    ]
    assert [fault.at_import for fault in found] == [True, True, *[False] * 10]
    assert list(found[7].lines) == [9, 10, 11]
    assert found[8].change == "m.py: 0: 0  →  1"
    assert found[9].change == "m.py: return max(values) + 1: return max(values) + 1  →  return None"
