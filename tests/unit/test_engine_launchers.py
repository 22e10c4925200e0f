"""The engine to start on a machine, its command and its environment."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from openjd_vstitcher.config import EngineConfig
from openjd_vstitcher.engine import launchers
from openjd_vstitcher.engine.launchers import Installation, choose, discover, environment
from openjd_vstitcher.errors import EngineError


def windows(root: Path, *versions: str) -> Installation:
    for version in versions:
        program = root / "Browzwear" / "VStitcher" / version / "VStitcher.exe"
        program.parent.mkdir(parents=True)
        program.touch()
    return Installation("win32", root, root)


def mac(root: Path, *versions: str) -> Installation:
    for version in versions:
        program = root / "Browzwear" / f"VStitcher {version}.app" / "Contents" / "MacOS" / "VStitcher"
        program.parent.mkdir(parents=True)
        program.touch()
    return Installation("darwin", root, root)


@pytest.mark.parametrize("machine", [windows, mac])
def test_versions_are_compared_as_numbers(tmp_path: Path, machine) -> None:  # type: ignore[no-untyped-def]
    programs = discover(machine(tmp_path, "2023.2", "2024.2", "2024.10.1", "9.9"))
    assert "2024.10.1" in str(programs[0])
    assert len(programs) == 4


def test_folder_without_the_program_is_not_an_installation(tmp_path: Path) -> None:
    (tmp_path / "Browzwear" / "VStitcher" / "2025.1").mkdir(parents=True)
    assert discover(windows(tmp_path)) == []


def test_engine_parameter_takes_precedence_over_the_configuration() -> None:
    config = EngineConfig(kind="vs-cli", command={"vs-cli": ["vs-cli", "--run", "{script}"]})
    assert choose("standin", config).kind == "standin"
    assert choose("auto", config).command == ("vs-cli", "--run", str(launchers.SCRIPT))


def test_installed_vstitcher_takes_precedence_over_the_stand_in(tmp_path: Path) -> None:
    launch = choose("auto", EngineConfig(), windows(tmp_path, "2024.2"))
    assert launch.kind == "vstitcher"
    assert launch.command[0].endswith("VStitcher.exe")
    assert launch.notice == ""


def test_stand_in_as_the_last_resort_warns(tmp_path: Path) -> None:
    launch = choose("auto", EngineConfig(), Installation("linux", tmp_path, tmp_path))
    assert launch.command == (sys.executable, "-P", "-s", "-m", "openjd_vstitcher.standin", str(launchers.SCRIPT))
    assert "NO VSTITCHER" in launch.notice


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("maya", "unknown engine 'maya'"),
        ("vs-cli", "set engine.command.vs-cli"),
        ("vstitcher", "set engine.command.vstitcher"),
    ],
)
def test_engine_that_cannot_be_started_is_refused(tmp_path: Path, asked: str, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        choose(asked, EngineConfig(), Installation("win32", tmp_path, tmp_path))


def test_engine_gets_no_secret_and_no_lifeline(tmp_path: Path) -> None:
    launch = choose("standin", EngineConfig())
    inherited = {
        "PATH": "/bin",
        "PYTHONPATH": "/ours",
        "AWS_SECRET_ACCESS_KEY": "x",
        "HASURA_ADMIN_SECRET": "x",
        "GITHUB_TOKEN": "x",
        "OPENJD_VS_LIFELINE": "127.0.0.1:1",
    }
    config = EngineConfig(extra_exports=tmp_path / "mine", standin_max_pixels=1000)
    given = environment(launch, config, tmp_path / "connection.json", tmp_path / "engine.log", inherited)
    assert given["PATH"] == "/bin"
    assert given["OPENJD_VS_CONNECTION"] == str(tmp_path / "connection.json")
    assert given["OPENJD_VS_EXTRA_EXPORTS"] == str(tmp_path / "mine")
    assert given["OPENJD_VS_STANDIN_MAX_PIXELS"] == "1000"
    assert "PYTHONPATH" not in given
    assert not {"AWS_SECRET_ACCESS_KEY", "HASURA_ADMIN_SECRET", "GITHUB_TOKEN", "OPENJD_VS_LIFELINE"} & set(given)


def test_vstitcher_gets_no_python_variables(tmp_path: Path) -> None:
    launch = launchers.Launch("vstitcher", ("VStitcher.exe",))
    inherited = {"PATH": "/bin", "PYTHONPATH": "/ours", "PYTHONHOME": "/ours", "VIRTUAL_ENV": "/ours"}
    given = environment(launch, EngineConfig(), tmp_path / "c.json", tmp_path / "engine.log", inherited)
    assert "/ours" not in given.values()
    assert not [name for name in given if "STANDIN" in name]
