"""Finds the lines of values in a JSON or YAML file, so that an error can name them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from ..errors import InvalidInput, Problem
from .yaml_text import LOADER


def with_places(error: InvalidInput) -> InvalidInput:
    """The same error with the line and column of each problem, if its source is a file that can be read.

    A value is found at its key, an item of a list at its first character, and what is missing where it should be.
    """
    file = Path(error.source)
    if all(problem.line for problem in error.problems) or not file.is_file():
        return error
    root = _composed(file)
    if root is None:
        return error
    placed = [problem if problem.line else _placed(problem, root, file) for problem in error.problems]
    return InvalidInput(error.source, placed)


def offset_in(text: str, pointer: str) -> int:
    """The index of a value, or of its key, in a JSON text; 0 if the text cannot be read."""
    root = _compose(text.replace("\t", " "))
    return 0 if root is None else int(_find(root, pointer)[1].index)


def _composed(file: Path) -> Any:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        return None
    # JSON may be indented with tabs, YAML may not.
    return _compose(text.replace("\t", " ") if file.suffix.lower() == ".json" else text)


def _compose(text: str) -> Any:
    try:
        return yaml.compose(text, Loader=LOADER)
    except (ValueError, yaml.YAMLError, RecursionError):
        return None


def _placed(problem: Problem, root: Any, file: Path) -> Problem:
    node, mark = _find(root, problem.pointer)
    if problem.offset >= 0 and getattr(node, "style", None) == "|":
        before = node.value[: problem.offset]
        line = node.start_mark.line + 1 + before.count("\n")
        column = problem.offset - before.rfind("\n") - 1 + _indentation(file, node)
        return replace(problem, line=line + 1, column=column + 1)
    return replace(problem, line=mark.line + 1, column=mark.column + 1)


def _indentation(file: Path, node: Any) -> int:
    """How far a text in literal style is indented."""
    first = node.start_mark.line + 1
    lines = file.read_text(encoding="utf-8-sig").splitlines()[first : first + len(node.value.splitlines())]
    return min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), default=0)


def _find(node: Any, pointer: str) -> tuple[Any, Any]:
    """The node of the last part of a pointer that exists, and where it is."""
    mark = node.start_mark
    for part in _parts(pointer):
        child = _child(node, part)
        if child is None:
            break
        key, node = child
        mark = (key or node).start_mark
    return node, mark


def _parts(pointer: str) -> Iterable[str]:
    return (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def _child(node: Any, part: str) -> tuple[Any, Any] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if getattr(key, "value", None) == part), None)
    if isinstance(node, yaml.SequenceNode) and part.isdecimal() and int(part) < len(node.value):
        return None, node.value[int(part)]
    return None
