"""Finds scripts by name in the directories that the configuration names, and reads which arguments they take."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import ConfigError, InvalidInput, Problem
from ..translation.scripts import ScriptFacts
from ..validation import schema_fault

SCHEMA_SUFFIX = ".schema.json"
_NO_ARGUMENTS = {"type": "object", "additionalProperties": False}


def find_script(name: str, directories: Sequence[Path]) -> Path:
    """The file of a script.

    Parameters
    ----------
    name: the file's name, with or without its suffix.

    Raises
    ------
    InvalidInput: no directory has such a script.
    ConfigError: a directory does not exist, or has several scripts of that name.
    """
    known = _scripts(directories)
    found = [file for file in known if name in (file.name, file.stem)]
    if not found:
        names = ", ".join(sorted({file.stem for file in known})) or "there is none: jobs.scripts names no directory"
        raise InvalidInput("script", [Problem("", f"unknown script {name!r}; expected one of {names}")])
    if len(found) > 1:
        raise ConfigError(f"jobs.scripts: several scripts are named {name}: {', '.join(map(str, found))}")
    return found[0]


def script_facts(name: str, directories: Sequence[Path]) -> ScriptFacts:
    """A script with the arguments that `NAME.schema.json` beside it declares; without that file, it takes none.

    Raises
    ------
    InvalidInput, ConfigError: see `find_script`.
    ConfigError: the schema cannot be read, or is not valid.
    """
    file = find_script(name, directories)
    schema = file.with_name(file.stem + SCHEMA_SUFFIX)
    if not schema.is_file():
        return ScriptFacts(name, _NO_ARGUMENTS)
    try:
        arguments: Any = json.loads(schema.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"jobs.scripts: cannot read {schema}: {error}") from error
    if fault := schema_fault(arguments):
        raise ConfigError(f"jobs.scripts: {schema} is not a valid JSON Schema: {fault}")
    if not isinstance(arguments, dict):
        raise ConfigError(f"jobs.scripts: {schema} is not a JSON Schema of an object")
    return ScriptFacts(name, arguments)


def script_command(file: Path, arguments: dict[str, Any]) -> list[str]:
    """The command line of a script. Text is passed as `--name=text`, everything else as `--name=JSON`."""
    starts = [sys.executable, "-I", "-u", str(file)] if file.suffix == ".py" else [str(file)]
    values = {name: value if isinstance(value, str) else json.dumps(value) for name, value in arguments.items()}
    return [*starts, *(f"--{name}={value}" for name, value in values.items())]


def _scripts(directories: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for directory in directories:
        if not directory.is_dir():
            raise ConfigError(f"jobs.scripts: there is no directory {directory}")
        found += [file for file in sorted(directory.iterdir()) if _is_script(file)]
    return found


def _is_script(file: Path) -> bool:
    """Whether a file can be run: a Python file, or a program. Batch files cannot: Windows runs them through a shell."""
    if file.name.startswith((".", "_")) or not file.is_file():
        return False
    return file.suffix == ".py" or (file.suffix == ".exe" if os.name == "nt" else os.access(file, os.X_OK))
