"""Tasks: one piece of work of any kind in a document of its own. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from ..documents import data_problems
from ..errors import InvalidInput, Problem
from ..validation import schema_problems, shipped_schema

TaskKind = Literal["preset", "template", "handler", "scripts"]
TASK_KINDS: tuple[TaskKind, ...] = get_args(TaskKind)
_FITTING: dict[TaskKind, tuple[str, ...]] = {
    "preset": ("details",),
    "template": ("parameters",),
    "handler": ("parameters", "timeout_s"),
    "scripts": ("timeout_s",),
}
"""The fields that a task of each kind may have besides its type and priority."""


def is_task(data: Any) -> bool:
    """Whether a document is meant as a task."""
    return isinstance(data, Mapping) and "specificationVersion" not in data and not set(TASK_KINDS).isdisjoint(data)


def load_task(data: Any, source: str) -> TaskKind:
    """Validate a task; returns its kind.

    Raises
    ------
    InvalidInput: it is not valid; all problems are listed, each with its JSON pointer.
    """
    problems = data_problems(data) or schema_problems(shipped_schema("task"), data)
    if problems:
        raise InvalidInput(source, problems)
    kinds = [kind for kind in TASK_KINDS if kind in data]
    if len(kinds) != 1:
        found = " and ".join(kinds) or "none"
        raise InvalidInput(source, [Problem("", f"expected one of {', '.join(TASK_KINDS)}; found {found}")])
    unfit = set(data) - {kinds[0], *_FITTING[kinds[0]], "type", "priority"}
    if unfit:
        raise InvalidInput(
            source, [Problem(f"/{name}", f"does not go with a {kinds[0]} task") for name in sorted(unfit)]
        )
    return kinds[0]


def as_job(task: Mapping[str, Any], kind: TaskKind) -> tuple[dict[str, Any], dict[str, Any]]:
    """The definition and the job details of a task that names a handler or scripts.

    Tasks for the same handler share a definition, and so do all lists of scripts.
    """
    timeout = {"timeout_s": task["timeout_s"]} if "timeout_s" in task else {}
    if kind == "handler":
        key, details = f"handler.{task['handler']}", {"handler": task["handler"]}
        given = {"parameters": task.get("parameters", {}), **timeout}
    else:
        key, details, given = "scripts", {"scripts": []}, {"scripts": task["scripts"], **timeout}
    return {"key": key, "name": key, "version": 0, "details": details}, given
