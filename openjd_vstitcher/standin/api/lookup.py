"""Shared by the groups of calls: finding objects by id, parsing JSON arguments."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from ..codes import ApiError, Code

_T = TypeVar("_T")


def find(get: Callable[[int], _T], what: str, key: int) -> _T:
    """Return `get(key)`; a KeyError becomes an ApiError that says there is no such `what`."""
    try:
        return get(key)
    except KeyError:
        raise ApiError(Code.NOT_FOUND, f"no {what} {key}") from None


def json_object(text: str, what: str) -> dict[str, Any]:
    """Parse a JSON argument that must be an object."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ApiError(Code.INVALID_JSON, f"{what} is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise ApiError(Code.INVALID_JSON, f"{what} is not a JSON object")
    return value


def free_id(used: list[int]) -> int:
    """The next id after the ones in use."""
    return max(used, default=0) + 1
