"""Parses JSON text, and says where it repeats a key or exceeds a limit, which the JSON parser of Python cannot."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from .data import MAX_DEPTH, MAX_DIGITS, MAX_VALUES, TOO_DEEP, TOO_MANY_VALUES
from .text import BadText, bad_text_at, shortened

_PIECE = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[{}\[\],]|[^\s{}\[\],:"]+', re.DOTALL)
"""Strings, punctuation, and anything else without spaces. A string that never ends is one too."""
_NOT_FINITE = ("NaN", "Infinity", "-Infinity")


def parse_json(text: str) -> Any:
    """Parse JSON text.

    Raises
    ------
    BadText: it is not valid JSON, holds a number that is not finite, repeats a key, or exceeds a limit.
    """
    _check(text)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise BadText(f"invalid JSON: {error.msg}", error.lineno, error.colno) from error


def _check(text: str) -> None:
    """Find what only the text shows. Where the text is not valid JSON, this may see anything, but ends."""
    open_objects: list[set[str] | None] = []
    """The keys so far of each object around the place; None for a list."""
    key_expected = False
    values = 0
    for match in _PIECE.finditer(text):
        piece = match[0]
        if key_expected and piece.startswith('"'):
            _add_key(open_objects[-1], piece, text, match.start())
        elif piece in "]}":
            del open_objects[-1:]
        elif piece != ",":
            values += 1
            if piece in "[{":
                open_objects.append(set() if piece == "{" else None)
            if values > MAX_VALUES or len(open_objects) > MAX_DEPTH:
                raise bad_text_at(text, match.start(), TOO_MANY_VALUES if values > MAX_VALUES else TOO_DEEP)
            _check_number(piece, text, match.start())
        key_expected = piece in "{," and bool(open_objects) and open_objects[-1] is not None


def _add_key(keys: set[str] | None, piece: str, text: str, index: int) -> None:
    try:
        key = json.loads(piece)
    except ValueError:
        return
    assert keys is not None
    if key in keys:
        raise bad_text_at(text, index, f"the key {shortened(key)} is repeated; expected each key once")
    keys.add(key)


def _check_number(piece: str, text: str, index: int) -> None:
    if piece in _NOT_FINITE:
        raise bad_text_at(text, index, f"found {piece}; expected a finite number")
    if piece[0] not in "-0123456789":
        return
    if len(piece) > MAX_DIGITS:
        raise bad_text_at(text, index, f"found a number of {len(piece)} characters; expected at most {MAX_DIGITS}")
    try:
        finite = math.isfinite(float(piece))
    except ValueError:
        return
    if not finite:
        raise bad_text_at(text, index, f"found {piece}, which is too large; expected a finite number")
