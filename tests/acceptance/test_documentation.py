"""The examples of the documentation run as they stand."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from openjd_vstitcher.config import load_config
from openjd_vstitcher.translation.definition import load_definition

from .conftest import BIN, OPENJD, commands_environment

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
HANDLERS = (ROOT / "docs" / "handlers.md").read_text(encoding="utf-8")


def blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what the examples name, and the README's first configuration as `daemon.toml`."""
    for name in ("examples", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "daemon.toml").write_text(blocks("toml")[0])
    return tmp_path


def run(command: str, checkout: Path) -> str:
    program, *arguments = shlex.split(command, comments=True)
    path = {"openjd-vs": BIN / "openjd-vs", "openjd": OPENJD}[program]
    done = subprocess.run(
        [path, *arguments], cwd=checkout, capture_output=True, text=True, timeout=100, env=commands_environment()
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


@pytest.mark.timeout(400)
@pytest.mark.parametrize("block", blocks("console"), ids=lambda block: block.split("\n")[0][2:50])
def test_the_commands_of_an_example_run_one_after_the_other(block: str, checkout: Path) -> None:
    commands = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
    output = "".join(run(command, checkout) for command in commands)
    if "openjd-vs daemon" in block:
        assert "COMPLETED_SUCCESS" in output


@pytest.mark.parametrize("text", blocks("toml"))
def test_a_configuration_of_the_readme_is_valid(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(text)
    assert load_config(tmp_path / "c.toml").source is not None


def test_every_file_that_the_readme_links_to_is_there() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert targets
    for target in targets:
        assert (ROOT / target).exists(), target


@pytest.mark.timeout(400)
def test_the_commands_of_the_page_about_handlers_run_and_print_what_it_shows(checkout: Path) -> None:
    (checkout / "docs.toml").write_text(blocks("toml", HANDLERS)[0])
    printed = ""
    for block in blocks("console", HANDLERS):
        for command, shown in re.findall(r"^\$ (.*)\n((?:[^$].*\n)*)", block, flags=re.MULTILINE):
            printed = run(command, checkout)
            assert shown in printed
            if "jobs list" in command:
                assert printed.count("COMPLETED_SUCCESS") == 2
    assert (checkout / "output" / "words.csv").read_text().startswith("to,2\n")
    assert (checkout / "output" / "notes.txt").read_text().split() == ["first", "second", "second"]
    assert json.loads((checkout / "status.json").read_text())["exit_code"] == 0


def test_the_page_about_handlers_shows_the_example_and_a_valid_definition() -> None:
    assert blocks("python", HANDLERS) == [(ROOT / "examples" / "handlers" / "count_words.py").read_text()]
    definition = json.loads(blocks("json", HANDLERS)[0])
    assert load_definition(definition, "docs")["handler"] == "hello_world"
