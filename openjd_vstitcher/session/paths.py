"""Makes paths among parameter values absolute, where the OpenJD model leaves them as they are."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from openjd.model import JobParameterDefinition


def paths(
    defined: Iterable[JobParameterDefinition], given: Mapping[str, Any], *, base: Path, folder: Path
) -> dict[str, Any]:
    """The values of PATH and LIST[PATH] parameters that differ from what is given. URIs and "" are left alone.

    Parameters
    ----------
    base: what a given relative path is relative to.
    folder: the folder of the template, where a relative default path must be. The model sees to defaults of PATH.

    Raises
    ------
    ValueError: a default path leaves the folder.
    """
    found: dict[str, Any] = {}
    for each in defined:
        value = given.get(each.name)
        if each.type.name == "PATH" and isinstance(value, str):
            found[each.name] = _joined(value, base)
        elif each.type.name == "LIST_PATH" and each.name in given:
            found[each.name] = _joined_list(value, base)
        elif each.type.name == "LIST_PATH" and isinstance(each.default, list):
            found[each.name] = [_in_folder(str(path), each.name, folder) for path in each.default]
    return found


def _joined(path: str, base: Path) -> str:
    return os.path.normpath(base / path) if path and "://" not in path and not Path(path).is_absolute() else path


def _joined_list(value: Any, base: Path) -> Any:
    """The list with joined paths; what is not a list is left for the model to refuse."""
    try:
        listed = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
    if not isinstance(listed, list):
        return value
    return [_joined(path, base) if isinstance(path, str) else path for path in listed]


def _in_folder(path: str, name: str, folder: Path) -> str:
    joined = _joined(path, folder)
    if joined != path and not Path(joined).is_relative_to(folder):
        raise ValueError(f"The default of {name} has the path {path!r}; expected one inside the template's folder")
    return joined
