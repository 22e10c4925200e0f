"""Reads what a person gives with a template on the command line: parameter values and tasks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..documents import read_document
from ..errors import InvalidInput, Problem

_FILE = "file://"
_FORMS = "expected Name=value, file://FILE with a JSON or YAML object, or a JSON object"


def read_parameters(texts: Iterable[str]) -> dict[str, Any]:
    """Parameter values by name, the later ones over the earlier.

    Parameters
    ----------
    texts: `Name=value`, `file://` and the name of a JSON or YAML file, or a JSON object.

    Raises
    ------
    InvalidInput: a text is none of these.
    """
    found: dict[str, Any] = {}
    for text in map(str.strip, texts):
        if text.startswith((_FILE, "{")):
            values = document_in(text, "-p")
            if not isinstance(values, dict):
                raise _bad("-p", text, _FORMS)
            found.update(values)
            continue
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise _bad("-p", text, _FORMS)
        found[name] = value
    return found


def read_tasks(texts: Iterable[str], whole: str | None) -> tuple[Mapping[str, str], ...]:
    """The tasks to run, as parameter values by name; () for all.

    Parameters
    ----------
    texts: the values of one task, each `Name=value`.
    whole: a list of tasks, as JSON or as `file://` and the name of a JSON or YAML file.

    Raises
    ------
    InvalidInput: it is not in that form.
    """
    task = dict(_task_value(text) for text in texts)
    if whole is None:
        return (task,) if task else ()
    data = document_in(whole.strip(), "--tasks")
    if not isinstance(data, list) or not data or not all(isinstance(each, dict) for each in data):
        raise _bad("--tasks", whole, "expected a list of objects, each with a value for each task parameter")
    return tuple({str(name): _as_text(value) for name, value in each.items()} for each in data)


def document_in(text: str, option: str) -> Any:
    """The data of a JSON text, or of the JSON or YAML file that follows `file://`.

    Parameters
    ----------
    option: how errors name where it was given.

    Raises
    ------
    InvalidInput: it cannot be read.
    """
    if text.startswith(_FILE):
        return read_document(Path(text.removeprefix(_FILE)).expanduser())
    try:
        return json.loads(text)
    except ValueError as error:
        raise _bad(option, text, f"not valid JSON: {error}") from error


def _task_value(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name.strip() or not equals:
        raise _bad("--task-param", text, "expected Name=value")
    return name.strip(), value


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _bad(option: str, text: str, message: str) -> InvalidInput:
    shown = text if len(text) <= 60 else text[:57] + "..."
    return InvalidInput(option, [Problem("", f"{shown!r}: {message}")])
