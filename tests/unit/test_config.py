from __future__ import annotations

from pathlib import Path

import pytest

from openjd_vstitcher.config import CONFIG_VARIABLE, Config, load_config
from openjd_vstitcher.errors import ConfigError


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_when_there_is_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(CONFIG_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    config = load_config()
    assert config.source is None
    assert config.platform.kind == "embedded"
    assert "~" not in str(config.worker.work_dir)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    config = load_config(write(tmp_path / "c.toml", '[worker]\nwork_dir = "jobs"\nlease_s = 5\n'))
    assert config.worker.work_dir == tmp_path / "jobs"
    assert config.worker.lease_s == 5.0
    assert config.source == tmp_path / "c.toml"


def test_the_variable_names_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(CONFIG_VARIABLE, str(write(tmp_path / "c.toml", '[worker]\nid = "studio-3"\n')))
    assert load_config().worker.id == "studio-3"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[worker", "no valid TOML"),
        ("[workers]", "workers: unknown key; known here: "),
        ("[worker]\nleasse_s = 1", "worker.leasse_s: unknown key; known here: "),
        ("[worker]\nlease_s = 'long'", "worker.lease_s: expected a number, found the string 'long'"),
        ("[worker]\nmax_attempts = true", "worker.max_attempts: expected a whole number, found true"),
        ("[worker]\njob_types = 'TEST'", "worker.job_types: expected a list, found the string 'TEST'"),
        ("[worker]\njob_types = ['TEST', 1]", "worker.job_types[1]: expected a string, found 1"),
        ("[worker]\nwork_dir = ''", "worker.work_dir: expected a path"),
        ("worker = 1", "worker: expected a table, found 1"),
        ("[engine.command]\nvs-cli = 'vs {script}'", "engine.command.vs-cli: expected a list"),
        ("[worker]\nlease_s = 0", "worker.lease_s: expected at least 1"),
        ("[outputs]\nparallel_uploads = 0", "outputs.parallel_uploads: expected at least 1"),
        ("source = 'x'", "source: unknown key"),
    ],
)
def test_a_wrong_file_is_refused_by_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path / "c.toml", text)
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    assert str(path) in str(refused.value)
    assert message in str(refused.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the configuration"):
        load_config(tmp_path / "none.toml")


def test_engine_commands_are_lists(tmp_path: Path) -> None:
    path = write(tmp_path / "c.toml", '[engine.command]\nvs-cli = ["vs", "--run", "{script}"]\n')
    config: Config = load_config(path)
    assert config.engine.command == {"vs-cli": ["vs", "--run", "{script}"]}
