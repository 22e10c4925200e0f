"""What a user finds out from the program itself: help with examples, completion, the manual, versions."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import click
import pytest

from openjd_vstitcher.cli import _INTERNAL, main
from openjd_vstitcher.cli._examples import EXAMPLES

from .conftest import BIN

ROOT = Path(__file__).parents[2]


def commands(group: click.Group, above: str = "") -> dict[str, click.Command]:
    context = click.Context(group)
    found: dict[str, click.Command] = {}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        path = f"{above} {name}".strip()
        found |= commands(command, path) if isinstance(command, click.Group) else {path: command}
    return found


def test_every_command_has_an_example_and_no_example_is_of_none() -> None:
    assert set(EXAMPLES) == set(commands(main))


@pytest.mark.parametrize("example", [line for lines in EXAMPLES.values() for line in lines])
def test_an_example_is_accepted_by_its_command(example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    context, words = click.Context(main, info_name="openjd-vs"), shlex.split(example)
    command: click.Command = main
    while isinstance(command, click.Group):
        _, found, words = command.resolve_command(context, words)
        assert found is not None
        command = found
    if words != ["--help"]:
        monkeypatch.setattr("click.Path.convert", lambda self, value, param, ctx: value)  # files of the user
        command.make_context(command.name, words, parent=context)


@pytest.mark.parametrize("name", ["submit", "jobs list", "render"])
def test_help_ends_with_examples_and_shows_defaults(name: str) -> None:
    done = subprocess.run([BIN / "openjd-vs", *name.split(), "--help"], capture_output=True, text=True, timeout=60)
    assert f"openjd-vs {EXAMPLES[name][0]}" in done.stdout
    if name == "jobs list":
        assert "[default: 50;" in done.stdout


def test_internal_commands_stand_apart() -> None:
    done = subprocess.run([BIN / "openjd-vs", "--help"], capture_output=True, text=True, timeout=60)
    users, internal = done.stdout.split("Called by templates and by the daemon:")
    assert "  render " in users
    for name in _INTERNAL:
        assert f"  {name} " in internal
        assert f"  {name} " not in users


def test_the_version_names_the_libraries() -> None:
    done = subprocess.run([BIN / "openjd-vs", "--version"], capture_output=True, text=True, timeout=60)
    assert f"openjd-vs {version('openjd-vstitcher')}\n" in done.stdout
    assert f"openjd-sessions {version('openjd-sessions')}\n" in done.stdout


def test_the_engines_command_has_help_for_each_of_its_commands() -> None:
    for arguments in (["--help"], ["daemon", "--help"], ["daemon", "start", "--help"], ["daemon", "run", "-h"]):
        done = subprocess.run([BIN / "vstitcher-openjd", *arguments], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0
        assert done.stdout.startswith("usage: vstitcher-openjd daemon start")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_there_is_a_completion_for_every_shell(shell: str) -> None:
    done = subprocess.run([BIN / "openjd-vs", "completion", shell], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert f"{shell}_complete" in done.stdout


def test_bash_completes_commands_and_options() -> None:
    script = """
        eval "$(openjd-vs completion bash)"
        COMP_CWORD=2
        COMP_WORDS=(openjd-vs jobs li); _openjd_vs_completion openjd-vs; echo "${COMPREPLY[@]}"; COMPREPLY=()
        COMP_WORDS=(openjd-vs submit --pri); _openjd_vs_completion openjd-vs; echo "${COMPREPLY[@]}"
    """
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["list", "--priority"], done.stderr


@pytest.mark.parametrize(("line", "word", "first"), [("openjd-vs jobs li", "li", "list"), ("openjd-vs ", "", "render")])
def test_powershell_gets_values_with_their_help(line: str, word: str, first: str) -> None:
    asked = {"_OPENJD_VS_COMPLETE": "powershell_complete", "COMP_WORDS": line, "COMP_WORD": word}
    done = subprocess.run([BIN / "openjd-vs"], env={**os.environ, **asked}, capture_output=True, text=True, timeout=60)
    value, _, help_text = done.stdout.splitlines()[0].partition("\t")
    assert value == first
    assert help_text


def test_the_manual_describes_every_command_and_option(tmp_path: Path) -> None:
    page = tmp_path / "openjd-vs.1"
    page.write_text(subprocess.run([BIN / "openjd-vs", "man"], capture_output=True, text=True, timeout=60).stdout)
    text = page.read_text().replace("\\-", "-")
    for path, command in commands(main).items():
        assert f".SS openjd-vs {path} " in text
        options = [parameter.opts[-1] for parameter in command.params if isinstance(parameter, click.Option)]
        assert [option for option in options if option not in text] == []
    if shutil.which("man"):
        shown = subprocess.run(["man", "--warnings", page], capture_output=True, text=True, timeout=60)
        assert "jobs list" in shown.stdout
        assert shown.stderr == ""
