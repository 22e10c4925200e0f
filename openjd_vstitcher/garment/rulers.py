"""Reads the rulers in a decompressed `.vsgx`, within limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_MAX_RULERS = 10_000
_MAX_RULER_MARKS = 100_000
_MAX_COMPONENTS = 1_000
_MAX_ALL_COMPONENTS = 100_000


@dataclass(frozen=True)
class RulerComponent:
    """A part of a ruler: an edge of a shape, or an internal line if `edge` is -1."""

    shape: int
    edge: int
    internal_line: int | None = None


@dataclass(frozen=True)
class Ruler:
    """A ruler of a garment, as stored in the `.vsgx`."""

    name: str
    components: tuple[RulerComponent, ...]


def parse_rulers(content: bytes | bytearray, check: Callable[[], None] = lambda: None) -> tuple[Ruler, ...]:
    """The rulers in a decompressed `.vsgx`. Incomplete rulers are skipped.

    Parameters
    ----------
    check: called for each possible ruler; it may raise to stop.

    Raises
    ------
    ValueError: there are more rulers, or parts of rulers, than any garment has; with a predicate.
    """
    found: list[Ruler] = []
    marks = components = 0
    start = content.find(b"Ruler")
    while start >= 0:
        check()
        following = content.find(b"Ruler", start + 1)
        end = following if following >= 0 else len(content)
        ruler = _ruler(bytes(content[start : min(end, start + 64 * _MAX_COMPONENTS)]))
        if ruler is not None:
            found.append(ruler)
            components += len(ruler.components)
        marks += 1
        if marks > _MAX_RULER_MARKS or len(found) > _MAX_RULERS or components > _MAX_ALL_COMPONENTS:
            raise ValueError(f"has more than {_MAX_RULERS} rulers, or {_MAX_ALL_COMPONENTS} parts of rulers")
        start = following
    return tuple(found)


def _ruler(data: bytes) -> Ruler | None:
    name_at = data.find(b"rulerName")
    if name_at < 0:
        return None
    components = []
    at = data.find(b"shapeIds", 0, name_at)
    while at >= 0:
        following = data.find(b"shapeIds", at + 8, name_at)
        part = data[at : following if following >= 0 else name_at]
        shape = _number(part, b"shapeIds", 10, signed=False)
        edge = _number(part, b"edgeId", 2, signed=True)
        if shape is None or edge is None:
            return None
        internal = _number(part, b"internalLineId", 2, signed=True) if edge == -1 else None
        components.append(RulerComponent(shape, edge, internal))
        at = following
    after = name_at + len(b"rulerName") + 2
    size = data[after] if after < len(data) else 0
    name = data[after + 1 : after + 1 + size]
    if not components or len(name) < size:
        return None
    return Ruler(name.decode("utf-8", "replace"), tuple(components))


def _number(data: bytes, key: bytes, skip: int, *, signed: bool) -> int | None:
    at = data.find(key)
    field = data[at + len(key) + skip :][:4] if at >= 0 else b""
    return int.from_bytes(field, "little", signed=signed) if len(field) == 4 else None
