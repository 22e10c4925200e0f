"""Finds steps that depend on one another in a circle. The OpenJD model finds them too, but cannot report them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import Problem

_MAX_NAMES = 8
Edges = Mapping[str, list[tuple[str, str]]]
"""For each step, the steps that it depends on, each with the pointer to the place that says so."""


def circular_dependencies(template: Mapping[str, Any]) -> list[Problem]:
    """The first circle of a template whose fields may be missing or of any type; a step alone is the model's matter."""
    edges = _edges(template)
    done: set[str] = set()
    for start in edges:
        waiting = {start: iter(edges[start])}
        while waiting:
            name = next(reversed(waiting))
            wanted, pointer = next(waiting[name], ("", ""))
            if not pointer:
                del waiting[name]
                done.add(name)
            elif wanted in waiting and wanted != name:
                circle = _circle(list(waiting), wanted)
                return [Problem(pointer, f"the steps depend on one another: {circle}; expected no circle")]
            elif wanted in edges and wanted not in done and wanted != name:
                waiting[wanted] = iter(edges[wanted])
    return []


def _circle(path: list[str], start: str) -> str:
    """The names from the first place of `start`, shortened if there are many."""
    circle = [*path[path.index(start) :], start]
    return " -> ".join(circle if len(circle) <= _MAX_NAMES else [*circle[: _MAX_NAMES - 2], "...", start])


def _edges(template: Mapping[str, Any]) -> Edges:
    return {
        step["name"]: [
            (dependency["dependsOn"], f"/steps/{number}/dependencies/{place}/dependsOn")
            for place, dependency in _objects(step.get("dependencies"))
            if isinstance(dependency.get("dependsOn"), str)
        ]
        for number, step in _objects(template.get("steps"))
        if isinstance(step.get("name"), str)
    }


def _objects(value: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, each in enumerate(value if isinstance(value, list) else []):
        if isinstance(each, dict):
            yield number, each
