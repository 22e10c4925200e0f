"""Looks into a valid template: run data that the engine would refuse, and what is not wrong but probably not meant."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..documents import offset_in
from ..errors import InvalidInput, Problem
from ..presets import load_preset
from .commands import actions, is_ours

_INSTRUCTIONS = "/details/instructions/"


def run_data_problems(template: Any, extra_exports: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the exports and mutations in the embedded run data of a template's steps.

    Parameters
    ----------
    extra_exports: the custom export types, as `load_preset` takes them.
    """
    return [
        problem
        for pointer, text, data in _run_data(template)
        for problem in _problems_of(pointer, text, data, extra_exports)
    ]


def advice(template: Any) -> list[Problem]:
    """What may be a mistake: actions without a time limit, and commands that this machine does not have."""
    found = []
    for pointer, action in actions(template):
        command = action.get("command")
        if "timeout" not in action and "/steps/" in pointer:
            found.append(Problem(pointer, "has no timeout: an action that hangs is never ended"))
        if isinstance(command, str) and not _exists(command):
            found.append(Problem(f"{pointer}/command", f"this machine has no command {command!r}"))
    return found


def _exists(command: str) -> bool:
    if "{{" in command or is_ours(command):
        return True
    return shutil.which(command) is not None or Path(command).is_file()


def _run_data(template: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The place, the text and the data of each embedded file that holds an export as JSON."""
    steps = template.get("steps") if isinstance(template, dict) else None
    for number, step in enumerate(steps or []):
        files = (step.get("script") or {}).get("embeddedFiles") or []
        for index, file in enumerate(files):
            text = file.get("data", "")
            try:
                data = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(data, dict) and isinstance(data.get("export"), dict):
                yield f"/steps/{number}/script/embeddedFiles/{index}/data", text, data


def _problems_of(pointer: str, text: str, data: Any, extra_exports: Mapping[str, Any]) -> Iterator[Problem]:
    mutations = data.get("mutations") or []
    if not isinstance(mutations, list):
        yield Problem(pointer, "/mutations: expected a list", offset=offset_in(text, "/mutations"))
        return
    places = [*(f"/mutations/{number}" for number in range(len(mutations))), "/export"]
    row = {"key": "run-data", "details": {"instructions": [*mutations, {"type": "EXPORT", **data["export"]}]}}
    try:
        load_preset(row, extra_exports=extra_exports)
    except InvalidInput as error:
        for problem in error.problems:
            number, _, rest = problem.pointer.removeprefix(_INSTRUCTIONS).partition("/")
            inside = f"{places[int(number)]}/{rest}" if number.isdecimal() and rest else "/export"
            yield Problem(pointer, f"{inside}: {problem.message}", offset=offset_in(text, inside))
