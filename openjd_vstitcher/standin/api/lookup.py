"""What several groups of calls need: finding things by id, and reading JSON arguments."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from ..codes import ApiError, Code

_T = TypeVar("_T")


def found(find: Callable[[int], _T], what: str, key: int) -> _T:
    """`find(key)`, with its KeyError as the error of a call."""
    try:
        return find(key)
    except KeyError:
        raise ApiError(Code.NOT_FOUND, f"no {what} {key}") from None


def json_object(text: str, what: str) -> dict[str, Any]:
    """A JSON argument that must be an object."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ApiError(Code.INVALID_JSON, f"{what} is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise ApiError(Code.INVALID_JSON, f"{what} is no JSON object")
    return value


def free_id(used: list[int]) -> int:
    """The next id after those in use."""
    return max(used, default=0) + 1
