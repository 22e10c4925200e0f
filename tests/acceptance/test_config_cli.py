from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from openjd_vstitcher.config import load_config

from .test_command_line import openjd_vs


def test_a_written_configuration_is_valid_and_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "new" / "c.toml"
    assert openjd_vs("config", "init", file).stdout.strip() == str(file)
    done = openjd_vs("config", "validate", file)
    assert (done.returncode, done.stdout) == (0, f"{file}: ok\n")
    file.write_text("# mine\n")
    refused = openjd_vs("config", "init", file)
    assert refused.returncode == 2
    assert "exists already and was not changed" in refused.stderr
    assert file.read_text() == "# mine\n"


def test_validate_reports_all_mistakes_and_ends_with_2(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[worker]\nslots = 0\nnope = 1\n[outputs]\nwatch = 'no'\n")
    done = openjd_vs("config", "validate", file)
    assert done.returncode == 2
    assert [line.removeprefix(f"{file}: ").partition(":")[0] for line in done.stderr.splitlines()] == [
        "worker.nope",
        "worker.slots",
        "outputs.watch",
    ]


def test_show_gives_each_value_and_its_origin(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[worker]\nslots = 2\n")
    shown = openjd_vs("config", "show", "--config", file).stdout
    assert tomllib.loads(shown)["worker"]["slots"] == 2
    assert "slots = 2  # file" in shown
    data = json.loads(openjd_vs("config", "show", "--json", "--config", file).stdout)
    assert data["source"] == str(file)
    values = {entry["key"]: entry for entry in data["values"]}
    assert values["worker.slots"] == {"key": "worker.slots", "value": 2, "origin": "file"}
    assert values["outputs.watch"]["origin"] == "default"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of a user without any configuration."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for variable in ("OPENJD_VS_CONFIG", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "desk").mkdir()
    return tmp_path / "desk"


def test_a_command_without_configuration_says_which_queue_it_uses_and_that_it_is_new(desk: Path) -> None:
    queue = desk.parent / "home" / ".local" / "share" / "openjd-vstitcher" / "platform.sqlite"
    first = openjd_vs("jobs", "list", cwd=desk).stderr
    assert first == f"queue: embedded, in {queue}, new and empty (no configuration: the defaults apply)\n"
    again = openjd_vs("jobs", "list", cwd=desk).stderr
    assert again == f"queue: embedded, in {queue} (no configuration: the defaults apply)\n"


def test_the_configuration_in_the_working_directory_is_found_and_named(desk: Path) -> None:
    (desk / "openjd-vs.toml").write_text('[platform]\npath = "here.sqlite"\n')
    said = openjd_vs("jobs", "list", cwd=desk).stderr
    assert said == f"queue: embedded, in {desk}/here.sqlite, new and empty (as openjd-vs.toml says)\n"
    assert "here.sqlite" in openjd_vs("config", "show", cwd=desk).stdout
    assert openjd_vs("config", "validate", cwd=desk).stdout == f"{desk}/openjd-vs.toml: ok\n"
    chosen = desk / "chosen.toml"
    chosen.write_text('[platform]\npath = "here.sqlite"\n')
    assert openjd_vs("jobs", "list", "--config", chosen, cwd=desk).stderr == ""


def test_a_configuration_that_a_job_could_write_is_not_read(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (desk / "openjd-vs.toml").write_text("[worker]\nnope = 1\n")
    assert "worker.nope" in openjd_vs("jobs", "list", cwd=desk).stderr
    assert "worker.nope" not in openjd_vs("run-job", ".", cwd=desk).stderr
    monkeypatch.chdir(desk)
    assert load_config().source is None, "as vstitcher-openjd reads it, in the directory of a session"
