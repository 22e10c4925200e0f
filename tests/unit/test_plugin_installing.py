"""The plugin is installed where VStitcher looks for it, replaces only itself, and can be uninstalled."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from openjd_vstitcher.cli.plugin import command
from openjd_vstitcher.engine import installing
from openjd_vstitcher.errors import EngineError


def test_windows_and_mac_folders_are_the_documented_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/Users/td")
    monkeypatch.setenv("USERPROFILE", "/Users/td")
    assert installing.plugins_folder("win32", {"LOCALAPPDATA": "/local"}) == Path("/local/Browzwear/VStitcher/Plugins")
    assert (
        installing.plugins_folder("darwin", {})
        .as_posix()
        .endswith("/Users/td/Library/Application Support/Browzwear/VStitcher/Plugins")
    )
    with pytest.raises(EngineError, match="--into"):
        installing.plugins_folder("linux", {})


def test_installed_plugin_is_current_until_it_differs(tmp_path: Path) -> None:
    assert installing.status(tmp_path).version is None
    done = installing.install(tmp_path)
    assert done.current
    assert [path.name for path in tmp_path.iterdir()] == [installing.FOLDER]
    (done.path / "src" / "requests.py").write_text("changed", encoding="utf-8")
    assert not installing.status(tmp_path).current
    assert installing.install(tmp_path).current
    assert installing.uninstall(tmp_path)
    assert not installing.uninstall(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("manifest", ['{"identifier": "com.other"}', "{", "[]"])
def test_other_plugin_is_not_touched(tmp_path: Path, manifest: str) -> None:
    other = tmp_path / installing.FOLDER
    other.mkdir()
    (other / "plugin.json").write_text(manifest, encoding="utf-8")
    for action in (installing.install, installing.uninstall, installing.status):
        with pytest.raises(EngineError, match="not an openjd-vstitcher plugin"):
            action(tmp_path)
    assert (other / "plugin.json").read_text(encoding="utf-8") == manifest


def test_command_reports_what_it_did(tmp_path: Path) -> None:
    runner = CliRunner()
    assert runner.invoke(command, ["status", "--into", str(tmp_path)]).exit_code == 1
    assert "installed 0.1.0" in runner.invoke(command, ["install", "--into", str(tmp_path)]).output
    assert runner.invoke(command, ["status", "--into", str(tmp_path)]).exit_code == 0
    assert "removed" in runner.invoke(command, ["uninstall", "--into", str(tmp_path)]).output


def test_installed_plugin_does_nothing_without_a_session(tmp_path: Path) -> None:
    """A VStitcher that a person started loads the plugin too; it must do nothing then."""
    folder = installing.install(tmp_path).path
    code = (
        "import sys, types; calls = []; bw = types.ModuleType('BwApi')\n"
        "bw.CallbackBase = object\n"
        "for name in ('IdentifierSet', 'PluginNameSet', 'UpdateSessionFunctionSet_v2', 'EventRegister'):\n"
        "    setattr(bw, name, lambda *a, name=name: calls.append(name))\n"
        "sys.modules['BwApi'] = bw; import src, json, threading\n"
        "print(json.dumps([src.BwApiPluginInit(), calls, threading.active_count()]))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    version, calls, threads = json.loads(result.stdout)
    assert version >= 1
    assert calls == ["IdentifierSet", "PluginNameSet"]
    assert threads == 1
