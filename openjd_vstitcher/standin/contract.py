"""The documented calls (`schemas/bwapi.json`) as values; knows no implementation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..resources import resource
from . import elements

_FAILED: dict[str, Any] = {"string": "", "json": "", "int": 0, "bool": 0, "float": 0.0, "id": -1}
_TYPES: dict[str, type] = {"string": str, "json": str, "int": int, "bool": int, "float": float, "id": int}
_ITEMS: dict[str, type] = {
    "ints": int,
    "strings": str,
    "Colors": elements.Color,
    "Points": elements.Point,
    "BezierPoints": elements.BezierPoint,
    "Elements": elements.Element,
}


@dataclass(frozen=True)
class Contract:
    """One documented call.

    Parameters
    ----------
    parameters: names of the arguments, in order.
    outs: kinds of the results, in order; several are returned as a tuple, none as None.
    newer: older versions lack it.
    any_thread: it may be called from every thread.
    """

    name: str
    parameters: tuple[str, ...]
    outs: tuple[str, ...]
    newer: bool = False
    any_thread: bool = False

    @property
    def failed(self) -> Any:
        """What the call returns when it fails; unknown of VStitcher, so the stand-in's own."""
        values = [_empty(kind) for kind in self.outs]
        return tuple(values) if len(values) > 1 else values[0] if values else None

    def check(self, result: Any) -> None:
        """Raise AssertionError if a result does not have the documented shape."""
        if not self.outs:
            assert result is None, f"{self.name} has no result, but returned {result!r}"
            return
        values = result if len(self.outs) > 1 else (result,)
        assert isinstance(values, tuple), f"{self.name} returned {result!r}"
        assert len(values) == len(self.outs), f"{self.name} returned {result!r}"
        for kind, value in zip(self.outs, values, strict=True):
            assert _has_kind(value, kind), f"{self.name} returned {value!r} as {kind}"


def _empty(kind: str) -> Any:
    if kind in _FAILED:
        return _FAILED[kind]
    return [] if kind in _ITEMS else getattr(elements, kind)()


def _has_kind(value: Any, kind: str) -> bool:
    if kind in _ITEMS:
        return isinstance(value, list) and all(isinstance(item, _ITEMS[kind]) for item in value)
    expected = _TYPES[kind] if kind in _TYPES else getattr(elements, kind)
    return isinstance(value, expected) and not isinstance(value, bool) and (kind != "bool" or value in (0, 1))


@lru_cache
def surface() -> dict[str, Any]:
    """The content of `schemas/bwapi.json`."""
    return dict(json.loads(resource("schemas/bwapi.json").read_text(encoding="utf-8")))


def contracts() -> list[Contract]:
    """Every documented call."""
    return [
        Contract(name, tuple(call["in"]), tuple(call["out"].values()), "since" in call, call.get("thread") == "any")
        for name, call in surface()["functions"].items()
    ]
