"""The examples of the documentation run as they stand."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from openjd_vstitcher.config import load_config

from .conftest import BIN, OPENJD, commands_environment

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


COMMANDS = [line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the examples name, and the README's first configuration as `daemon.toml`."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("examples", "templates"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "daemon.toml").write_text(blocks("toml")[0])
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_runs(command: str, checkout: Path) -> None:
    program, *arguments = shlex.split(command, comments=True)
    path = {"openjd-vs": BIN / "openjd-vs", "openjd": OPENJD}[program]
    done = subprocess.run(
        [path, *arguments], cwd=checkout, capture_output=True, text=True, timeout=100, env=commands_environment()
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_the_daemon_of_the_readme_did_the_job(checkout: Path) -> None:
    done = subprocess.run(
        [BIN / "openjd-vs", "jobs", "list", "--config", checkout / "daemon.toml"], capture_output=True, text=True
    )
    assert "COMPLETED_SUCCESS" in done.stdout


@pytest.mark.parametrize("text", blocks("toml"))
def test_a_configuration_of_the_readme_is_valid(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(text)
    assert load_config(tmp_path / "c.toml").source is not None


def test_every_file_that_the_readme_links_to_is_there() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
