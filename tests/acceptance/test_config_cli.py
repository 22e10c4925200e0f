from __future__ import annotations

import json
import tomllib
from pathlib import Path

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
