"""Checks that data is plain JSON within limits, so that whatever handles it later needs bounded time and memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ..errors import Problem
from ..validation import json_pointer

MAX_BYTES = 4 * 1024 * 1024
"""Size of a file, and of all text in a document."""
MAX_DEPTH = 64
"""Nesting of lists and objects."""
MAX_VALUES = 50_000
"""Number of values in a document, lists and objects included."""
MAX_DIGITS = 100
MAX_KEY = 1024
"""Characters of a key. YAML has the same limit."""
TOO_MANY_VALUES = f"there are too many values; expected at most {MAX_VALUES} in the whole document"
TOO_DEEP = f"nested too deeply; expected at most {MAX_DEPTH} levels"
_MAX_PROBLEMS = 20
_MAX_INTEGER = 10**MAX_DIGITS

_Path = tuple[Any, ...]
"""The place of a value: its parent's place and its key or index; () for the whole document."""


def data_problems(data: Any) -> list[Problem]:
    """What keeps data from being plain JSON within the limits of this module, in document order.

    NaN, infinities and lone surrogates are problems too: Python accepts them, but JSON text cannot represent them.
    After a limit is exceeded, or after the first 20 problems, nothing more is looked at.
    """
    problems: list[Problem] = []
    waiting: list[tuple[Any, _Path, int]] = [(data, (), 0)]
    values, size = 1, 0
    while waiting and len(problems) < _MAX_PROBLEMS:
        value, place, depth = waiting.pop()
        if isinstance(value, dict | list):
            values += len(value)
            depth += 1
        if values <= MAX_VALUES:
            size += _text_size(value)
        if exceeded := _limit(values, size, depth):
            return [*problems, Problem(_pointer(place), exceeded)]
        problems += [Problem(_pointer(place), message) for message in _messages(value)]
        waiting.extend(reversed([(child, (place, key), depth) for key, child in _children(value)]))
    return problems


def _text_size(value: Any) -> int:
    if isinstance(value, dict):
        return sum(len(key) for key in value if isinstance(key, str))
    return len(value) if isinstance(value, str) else 0


def _limit(values: int, size: int, depth: int) -> str:
    """Which limit is exceeded, "" if none is."""
    if values > MAX_VALUES:
        return TOO_MANY_VALUES
    if size > MAX_BYTES:
        return f"there is too much text; expected at most {MAX_BYTES >> 20} MiB in the whole document"
    return f"is {TOO_DEEP}" if depth > MAX_DEPTH else ""


def _messages(value: Any) -> Iterator[str]:
    """What is wrong with a value, not counting the values inside it."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"found {value}; expected a finite number"
    elif isinstance(value, int) and abs(value) >= _MAX_INTEGER:
        yield f"found a number of more than {MAX_DIGITS} digits; expected fewer"
    elif isinstance(value, str) and _has_surrogate(value):
        yield "contains a lone surrogate; expected valid Unicode text"
    elif isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                yield f"has a key that is not text; expected {str(key)[:MAX_KEY]!r} in quotes"
            elif len(key) > MAX_KEY:
                yield f"has a key of {len(key)} characters; expected at most {MAX_KEY}"
            elif _has_surrogate(key):
                yield "has a key that contains a lone surrogate; expected valid Unicode text"
    elif not isinstance(value, str | int | float | list | None):
        yield f"found a {type(value).__name__}; expected JSON data"


def _children(value: Any) -> list[tuple[str | int, Any]]:
    if isinstance(value, dict):
        return [(key[:MAX_KEY] if isinstance(key, str) else str(key)[:MAX_KEY], child) for key, child in value.items()]
    return list(enumerate(value)) if isinstance(value, list) else []


def _has_surrogate(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text)


def _pointer(place: _Path) -> str:
    parts: list[str | int] = []
    while place:
        place, part = place
        parts.append(part)
    return json_pointer(reversed(parts))
