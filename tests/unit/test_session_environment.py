"""Law 5: which variables the actions of a job from the queue see."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from openjd_vstitcher.config import load_config
from openjd_vstitcher.errors import ConfigError
from openjd_vstitcher.session.environment import queue_environment, session_environment, write_commands

SECRETS = ["DB_PASS", "MYSQL_PWD", "GITHUB_PAT", "SLACK_WEBHOOK_URL", "AZURE_STORAGE_CONNECTION_STRING"]


def environment(
    tmp_path: Path, inherited: dict[str, str], *pass_on: str, other_user: bool = False
) -> dict[str, str | None]:
    desk = session_environment(inherited, lifeline="h:1:t", engine_log=tmp_path / "e", config=None)
    return queue_environment(inherited, desk, commands=tmp_path / "bin", pass_on=pass_on, other_user=other_user)


@pytest.mark.parametrize("name", [*SECRETS, "ANYTHING", "PYTHONPATH", "LD_PRELOAD", "BASH_ENV", "NODE_OPTIONS", "a b"])
def test_a_variable_that_is_not_known_to_be_harmless_is_withheld(tmp_path: Path, name: str) -> None:
    assert environment(tmp_path, {name: "x"})[name] is None


@pytest.mark.parametrize(
    "name", ["LANG", "LC_ALL", "TZ", "DISPLAY", "HOME", "SYSTEMROOT", "PROGRAMFILES(X86)", "OMP_X"]
)
def test_harmless_variables_stay(tmp_path: Path, name: str) -> None:
    assert environment(tmp_path, {name: "x"})[name] == "x"


def test_a_harmless_name_with_a_secret_value_is_withheld(tmp_path: Path) -> None:
    assert environment(tmp_path, {"LC_X": "https://user:password@host"})["LC_X"] is None


def test_configured_names_and_beginnings_are_passed_on_but_no_credential(tmp_path: Path) -> None:
    given = {"OCIO": "1", "STUDIO_SHOW": "2", "STUDIO_TOKEN": "3", "OTHER": "4"}
    made = environment(tmp_path, given, "OCIO", "STUDIO_*")
    assert {name: made[name] for name in given} == {
        "OCIO": "1",
        "STUDIO_SHOW": "2",
        "STUDIO_TOKEN": None,
        "OTHER": None,
    }


@pytest.mark.parametrize("name", ["DB_PASS", "MY_TOKEN", "SECRET_*", "", "A=B", "*", "A*B"])
def test_a_name_that_looks_like_a_credential_cannot_be_configured(tmp_path: Path, name: str) -> None:
    (tmp_path / "c.toml").write_text(f'[worker]\npass_environment = ["{name}"]\n')
    with pytest.raises(ConfigError, match=r"worker\.pass_environment\[0\]: expected a name such as OCIO"):
        load_config(tmp_path / "c.toml")


def test_another_user_keeps_its_own_home(tmp_path: Path) -> None:
    made = environment(tmp_path, {"HOME": "/home/worker", "LANG": "C", "XDG_RUNTIME_DIR": "/run/1"}, other_user=True)
    assert not {"HOME", "XDG_RUNTIME_DIR"} & set(made)
    assert made["LANG"] == "C"


def test_python_is_isolated_by_variables_where_no_wrapper_can_be(tmp_path: Path) -> None:
    made = environment(tmp_path, {"PATH": "/bin", "PYTHONHOME": "x"})
    assert (made["PYTHONSAFEPATH"], made["PYTHONNOUSERSITE"], made["PYTHONHOME"]) == ("1", "1", None)
    assert str(made["PATH"]).split(os.pathsep)[0] == str(tmp_path / "bin")


@pytest.mark.skipif(os.name != "posix", reason="there are no wrappers on Windows")
@pytest.mark.parametrize("command", ["openjd-vs", "vstitcher-openjd"])
def test_the_commands_start_python_isolated(tmp_path: Path, command: str) -> None:
    folder = write_commands(tmp_path / "it's a bin")
    for name in ("click.py", "json.py", "sitecustomize.py"):
        (tmp_path / name).write_text("raise SystemExit('loaded')")
    done = subprocess.run(
        [str(folder / command), "--help"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "sage: " in done.stdout
    assert sys.executable in (folder / command).read_text()
