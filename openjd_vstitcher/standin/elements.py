"""The classes of `BwApi` that scripts pass to calls or get from them; attributes are spelt as in VStitcher."""

from __future__ import annotations

from dataclasses import dataclass, field


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
    type: int = 0
    gradeId: int = -1  # noqa: N815


@dataclass
class CoordinatesXY:
    """A position or an offset, cm."""

    x: float = 0.0
    y: float = 0.0


@dataclass
class BezierPoint:
    """A point of a cubic Bézier with its two handles."""

    point: Point = field(default_factory=Point)
    handle1: Point = field(default_factory=Point)
    handle2: Point = field(default_factory=Point)


@dataclass
class StitchSide:
    """One side of a stitch: a part of an edge, from `marker1` to `marker2` in percent."""

    shapeId: int = -1  # noqa: N815
    edgeId: int = -1  # noqa: N815
    marker1: float = 0.0
    marker2: float = 100.0


@dataclass
class Color:
    """A colour; 0 to 255 each."""

    r: int = 0
    g: int = 0
    b: int = 0


@dataclass
class Transformation:
    """Where a material is placed: the centre and the size in cm, the rotation in radians."""

    offset: CoordinatesXY = field(default_factory=CoordinatesXY)
    dim: CoordinatesXY = field(default_factory=CoordinatesXY)
    rotate: float = 0.0


@dataclass
class WndRect:
    """The rectangle of a window, px."""

    left: int = 0
    top: int = 0
    width: int = 0
    height: int = 0
