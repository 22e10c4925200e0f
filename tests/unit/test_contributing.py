"""CONTRIBUTING.md and the decision records name only files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs" / "decisions").glob("*.md"))]
ROOTS = (ROOT, ROOT / "openjd_vstitcher")
CODE = re.compile(r"`([^`\s]+)`(?! \(planned\))")
PATH = re.compile(r"[\w./-]+/|[\w./-]+\.(?:py|md|toml|txt|json|sql|graphql|yaml)|\.[a-z-]+(?:\.yaml)?")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")


def named_paths(text: str) -> set[str]:
    """The paths in a document: whole code spans that look like one, without those marked as planned."""
    return {name for name in CODE.findall(text) if PATH.fullmatch(name)}


def test_paths_are_found_and_other_code_is_not() -> None:
    text = "`cli/` `a.b/c.py` `.importlinter` `make lint` `openjd.sessions` `run-job` `later.py` (planned) `x.py`"
    assert named_paths(text) == {"cli/", "a.b/c.py", ".importlinter", "x.py"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_path_named_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    missing = {name for name in named_paths(text) if not any((root / name).exists() for root in ROOTS)}
    missing |= {target for target in LINK.findall(text) if not (document.parent / target).exists()}
    assert missing == set()


def test_contributing_names_many_files() -> None:
    assert len(named_paths((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))) > 40


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(path.name[:4]) for path in DOCUMENTS[1:]]
    assert numbers == list(range(1, len(numbers) + 1))
