"""Finds the engine to start, its command and its environment. Starts nothing itself."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..config import ENGINE_KINDS, EngineConfig
from ..errors import EngineError
from ..lifeline import LIFELINE_VARIABLE
from ..redaction import is_secret

PLUGIN = Path(__file__).resolve().parent / "plugin"
SCRIPT = PLUGIN / "main.py"
CONNECTION_VARIABLE = "OPENJD_VS_CONNECTION"
EXTRAS_VARIABLE = "OPENJD_VS_EXTRA_EXPORTS"
UNPROVEN_VARIABLE = "OPENJD_VS_UNPROVEN_MUTATIONS"
DRAPE_LIMIT_VARIABLE = "OPENJD_VS_DRAPE_LIMIT_S"
MAX_PIXELS_VARIABLE = "OPENJD_VS_STANDIN_MAX_PIXELS"
WINDOWS_VARIABLE = "OPENJD_VS_STANDIN_WINDOWS"

_INTERPRETER = ("VIRTUAL_ENV", "__PYVENV")
"""Variables of this interpreter that would break the one inside VStitcher."""

_STANDIN_NOTICE = "NO VSTITCHER: the outputs of this session are made by the stand-in engine, not by VStitcher"


@dataclass(frozen=True)
class Launch:
    """An engine that can be started.

    Parameters
    ----------
    kind: `vs-cli`, `vstitcher` or `standin`.
    command: the program and its arguments.
    notice: a warning for the user, "" if there is none.
    """

    kind: str
    command: tuple[str, ...]
    notice: str = ""


@dataclass(frozen=True)
class Installation:
    """Where discovery looks for installed programs."""

    platform: str = sys.platform
    program_files: Path = Path(os.environ.get("PROGRAMFILES", r"C:\Program Files"))
    applications: Path = Path("/Applications")


def choose(requested: str, config: EngineConfig, machine: Installation | None = None) -> Launch:
    """The engine to start: the requested one, else the configured, else the installed, else the stand-in.

    Parameters
    ----------
    requested: the `Engine` parameter.

    Raises
    ------
    EngineError: there is no such kind, or it cannot be started on this machine.
    """
    kind = requested if requested not in ("", "auto") else config.kind
    if kind not in ENGINE_KINDS:
        raise EngineError(f"unknown engine {kind!r}; expected one of {', '.join(ENGINE_KINDS)}")
    if kind == "auto":
        found = _configured("vs-cli", config) or _configured("vstitcher", config)
        return found or _discovered(machine or Installation()) or _standin(config, _STANDIN_NOTICE)
    if kind == "standin":
        return _standin(config, "the outputs of this session are made by the stand-in engine, as requested")
    launch = _configured(kind, config)
    if launch is None and kind == "vstitcher":
        launch = _discovered(machine or Installation())
    if launch is None:
        raise EngineError(_missing(kind))
    return launch


def environment(
    launch: Launch, config: EngineConfig, connection_file: Path, log: Path, inherited: Mapping[str, str]
) -> dict[str, str]:
    """The engine's environment: the inherited one without secrets and Python settings, its connection and settings.

    No Python setting is inherited, so that none can make the engine load a module of a job's inputs.
    """
    clean = {
        name: value
        for name, value in inherited.items()
        if not is_secret(name, value)
        and name != LIFELINE_VARIABLE
        and not name.startswith("PYTHON")
        and (launch.kind == "standin" or not name.startswith(_INTERPRETER))
    }
    clean[CONNECTION_VARIABLE] = str(connection_file)
    clean["PYTHONUNBUFFERED"] = "1"
    clean["PYTHONDONTWRITEBYTECODE"] = "1"
    clean[UNPROVEN_VARIABLE] = config.unproven_mutations
    clean[DRAPE_LIMIT_VARIABLE] = f"{config.drape_limit_s:g}"
    if config.extra_exports is not None:
        clean[EXTRAS_VARIABLE] = str(config.extra_exports)
    if launch.kind == "standin":
        # ezdxf writes some sections in set order: without a fixed seed, two engines write different bytes
        clean.setdefault("PYTHONHASHSEED", "0")
        clean.setdefault(MAX_PIXELS_VARIABLE, str(config.standin_max_pixels))
        clean.setdefault(WINDOWS_VARIABLE, str(log.with_suffix(".windows.json")))
    return clean


def discover(machine: Installation) -> list[Path]:
    """The installed VStitcher programs, newest version first."""
    found = sorted(_installed(machine), key=lambda item: _version(item[0]), reverse=True)
    return [program for _name, program in found]


def _installed(machine: Installation) -> Iterator[tuple[str, Path]]:
    if machine.platform == "win32":
        for folder in _entries(machine.program_files / "Browzwear" / "VStitcher"):
            if (folder / "VStitcher.exe").is_file():
                yield folder.name, folder / "VStitcher.exe"
    elif machine.platform == "darwin":
        for bundle in _entries(machine.applications / "Browzwear"):
            program = bundle / "Contents" / "MacOS" / "VStitcher"
            if bundle.name.startswith("VStitcher") and bundle.suffix == ".app" and program.is_file():
                yield bundle.stem.removeprefix("VStitcher").strip(), program


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _version(name: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", name))


def _discovered(machine: Installation) -> Launch | None:
    programs = discover(machine)
    return Launch("vstitcher", (str(programs[0]),)) if programs else None


def _configured(kind: str, config: EngineConfig) -> Launch | None:
    command = config.command.get(kind)
    return Launch(kind, _fill(command)) if command else None


def _standin(config: EngineConfig, notice: str) -> Launch:
    command = config.command.get("standin") or [
        sys.executable,
        "-P",
        "-s",
        "-m",
        "openjd_vstitcher.standin",
        "{script}",
    ]
    return Launch("standin", _fill(command), notice)


def _fill(command: list[str]) -> tuple[str, ...]:
    return tuple(
        part.replace("{script}", str(SCRIPT)).replace("{plugin}", str(PLUGIN)).replace("{python}", sys.executable)
        for part in command
    )


def _missing(kind: str) -> str:
    if kind == "vstitcher":
        return "VStitcher was not found in its usual location; set engine.command.vstitcher in the configuration"
    return "vs-cli has no default command; set engine.command.vs-cli in the configuration"
