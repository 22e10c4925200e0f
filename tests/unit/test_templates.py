from __future__ import annotations

import runpy
from pathlib import Path

from openjd_vstitcher.config import Config
from openjd_vstitcher.resources import resource
from openjd_vstitcher.translation.check import check_file


def test_the_shipped_templates_are_what_translation_makes() -> None:
    folder = resource("templates")
    made = runpy.run_path(str(folder / "make_templates.py"))["texts"]()
    shipped = {str(path.relative_to(folder).as_posix()): path.read_text() for path in folder.rglob("*.yaml")}
    assert shipped == made, "run: python templates/make_templates.py"


def test_every_shipped_template_is_valid() -> None:
    files = sorted(Path(resource("templates")).rglob("*.yaml"))
    assert len(files) == 8
    for file in files:
        assert check_file(file, Config()).startswith("a valid")
