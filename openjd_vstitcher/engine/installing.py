"""Installs the plugin into VStitcher's plugin folder, and uninstalls it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import EngineError
from .launchers import PLUGIN

FOLDER = "openjd-vstitcher"


@dataclass(frozen=True)
class Installed:
    """The state of the plugin in a VStitcher plugin folder.

    Parameters
    ----------
    path: where the plugin belongs.
    version: the installed version, None if it is not installed.
    current: True if it is identical to the one in this package.
    """

    path: Path
    version: str | None
    current: bool


def plugins_folder(platform: str = sys.platform, environment: Mapping[str, str] = os.environ) -> Path:
    """Where VStitcher looks for plugins on this system.

    Raises
    ------
    EngineError: VStitcher does not exist for this system.
    """
    if platform == "win32":
        local = environment.get("LOCALAPPDATA")
        base = Path(local) if local else Path.home() / "AppData" / "Local"
        return base / "Browzwear" / "VStitcher" / "Plugins"
    if platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Browzwear" / "VStitcher" / "Plugins"
    raise EngineError("VStitcher does not exist for this system; give a plugin folder with --into")


def status(plugins: Path) -> Installed:
    """The state of the plugin in a plugin folder.

    Raises
    ------
    EngineError: the folder of this plugin holds a different plugin.
    """
    path = plugins / FOLDER
    if not path.exists():
        return Installed(path, None, current=False)
    try:
        manifest = json.loads((path / "plugin.json").read_text(encoding="utf-8"))
        expected = json.loads((PLUGIN / "plugin.json").read_text(encoding="utf-8"))["identifier"]
    except (OSError, ValueError) as error:
        raise EngineError(f"{path} is not an openjd-vstitcher plugin: it has no readable plugin.json") from error
    if not isinstance(manifest, dict) or manifest.get("identifier") != expected:
        raise EngineError(f"{path} is not an openjd-vstitcher plugin: its plugin.json has another identifier")
    return Installed(path, str(manifest.get("version")), current=_digest(path) == _digest(PLUGIN))


def install(plugins: Path) -> Installed:
    """Install or replace the plugin. An existing one is removed only when its replacement is complete.

    Raises
    ------
    EngineError: the folder of this plugin holds a different plugin, or cannot be written.
    """
    old = status(plugins)
    part = plugins / f".{FOLDER}.part"
    try:
        plugins.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(PLUGIN, part, ignore=shutil.ignore_patterns("__pycache__"))
        if old.version is not None:
            shutil.rmtree(old.path)
        part.rename(old.path)
    except OSError as error:
        raise EngineError(f"cannot install into {plugins}: {error.strerror or error}") from error
    return status(plugins)


def uninstall(plugins: Path) -> bool:
    """Remove the plugin.

    Returns
    -------
    True if it was installed.

    Raises
    ------
    EngineError: the folder of this plugin holds a different plugin, or cannot be removed.
    """
    found = status(plugins)
    if found.version is None:
        return False
    try:
        shutil.rmtree(found.path)
    except OSError as error:
        raise EngineError(f"cannot remove {found.path}: {error.strerror or error}") from error
    return True


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
