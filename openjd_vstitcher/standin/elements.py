"""The classes of `BwApi` that scripts pass to calls; attributes are spelt as in VStitcher."""

from __future__ import annotations

from dataclasses import dataclass


class CallbackBase:
    """Base class of scripts' callbacks."""

    def Run(self, garment_id: str, callback_id: int, data_string: str) -> int:  # noqa: N802  # VStitcher's spelling
        """Called on the main thread; returns 1 for success."""
        return 1


@dataclass
class Element:
    """A part of a ruler: an internal line (`lineId`) or an edge (`edgeId`); the unused id is -1."""

    shapeId: int = -1  # noqa: N815  # VStitcher's spelling
    pointId: int = -1  # noqa: N815
    cross: int = 0
    lineId: int = -1  # noqa: N815
    edgeId: int = -1  # noqa: N815


@dataclass
class Point:
    """A point of the pattern, cm."""

    x: float = 0.0
    y: float = 0.0


@dataclass
class StitchSide:
    """One side of a stitch: a part of an edge, from `start` to `end` in percent."""

    shapeId: int = -1  # noqa: N815
    edgeId: int = -1  # noqa: N815
    start: float = 0.0
    end: float = 100.0
