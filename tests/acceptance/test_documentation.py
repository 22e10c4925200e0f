"""The examples of the documentation run as they stand, in a newcomer's shell."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from openjd_vstitcher.cli._signals import EFFECTS
from openjd_vstitcher.config import load_config
from openjd_vstitcher.translation.definition import load_definition

from .conftest import BIN, OPENJD, SMALL_PICTURES, commands_environment

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
HANDLERS = (ROOT / "docs" / "handlers.md").read_text(encoding="utf-8")
COMMAND_LINE = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    return [line[2:] for block in blocks("console", text) for line in block.splitlines() if line.startswith("$ ")]


class Shell:
    """A shell in which nothing is activated, with the commands on the path as `uv tool install` puts them there.

    Parameters
    ----------
    checkout: where it begins; it must not change.
    """

    def __init__(self, folder: Path, checkout: Path) -> None:
        self.home, path = folder / "home", folder / "home" / ".local" / "bin"
        path.mkdir(parents=True)
        for program in (BIN / "openjd-vs", BIN / "vstitcher-openjd", OPENJD):
            (path / program.name).symlink_to(program)
        self._checkout = checkout
        self._environment = {
            "HOME": str(self.home),
            "PATH": f"{path}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "OPENJD_VS_STANDIN_MAX_PIXELS": str(SMALL_PICTURES),
        }

    def run(self, commands: list[str]) -> str:
        done = subprocess.run(
            ["/bin/bash", "--noprofile", "--norc", "-exc", "\n".join(commands)],
            stdin=subprocess.DEVNULL,
            cwd=self._checkout,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=500,
        )
        assert done.returncode == 0, f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files of the checkout that are under version control, as far as examples name them."""
    folder = tmp_path / "checkout"
    for name in ("examples", "templates"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_readmes_commands_run_in_order_in_a_clean_shell_and_leave_the_checkout_alone(
    tmp_path: Path, checkout: Path
) -> None:
    before = files(checkout)
    shell = Shell(tmp_path, checkout)
    every = commands(README)
    save = f"cat > openjd-vs.toml <<'END'\n{blocks('toml')[0]}END"
    at = next(number for number, command in enumerate(every) if command.startswith("openjd-vs submit"))
    output = shell.run([*every[:at], save, *every[at:]])
    assert "COMPLETED_SUCCESS" in output
    assert (shell.home / "first-hour" / "out").is_dir()
    assert files(checkout) == before


@pytest.mark.timeout(200)
def test_the_commands_of_the_page_on_the_command_line_run(tmp_path: Path, checkout: Path) -> None:
    Shell(tmp_path, checkout).run(commands(COMMAND_LINE))


def test_the_table_of_signals_is_the_one_in_the_code() -> None:
    rows = re.findall(r"^\| `openjd-vs ([\w -]+)` \| (.*?) \| (.*?) \| (.*?) \|$", COMMAND_LINE, flags=re.MULTILINE)
    expected = [
        (name, effect.first, effect.second or "the same", ", ".join(effect.takes)) for name, effect in EFFECTS.items()
    ]
    assert rows == expected


@pytest.mark.parametrize("text", blocks("toml"))
def test_a_configuration_of_the_readme_is_valid(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(text)
    assert load_config(tmp_path / "c.toml").source is not None


def test_every_file_that_the_readme_links_to_is_there() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert targets
    for target in targets:
        assert (ROOT / target).exists(), target


def run(command: str, folder: Path) -> str:
    program, *arguments = shlex.split(command, comments=True)
    path = {"openjd-vs": BIN / "openjd-vs", "openjd": OPENJD}[program]
    done = subprocess.run(
        [path, *arguments], cwd=folder, capture_output=True, text=True, timeout=100, env=commands_environment()
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


@pytest.mark.timeout(400)
@pytest.mark.slow
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
