"""Calls about rulers (points of measurement)."""

from __future__ import annotations

from ..calls import call
from ..codes import ApiError, Code
from ..elements import Element
from ..host import Host
from ..model import Garment, Ruler, RulerElement
from .lookup import find, free_id
from .shapes import shape_of


@call
def ruler_ids(host: Host, garment: str) -> list[int]:
    return [ruler.id for ruler in host.garment(garment).rulers]


def _ruler(garment: Garment, ruler: int) -> Ruler:
    return find({r.id: r for r in garment.rulers}.__getitem__, "ruler", ruler)


@call
def ruler_name_get(host: Host, garment: str, ruler: int) -> str:
    return _ruler(host.garment(garment), ruler).name


@call
def ruler_length_get(host: Host, garment: str, ruler: int, size: int) -> float:
    """The length of a ruler on the pattern in a size, cm."""
    opened = host.garment(garment)
    return round(float(opened.ruler_length(_ruler(opened, ruler), find(opened.size, "size", size))), 4)


@call
def ruler3d_length_get(host: Host, garment: str, ruler: int, size: int) -> float:
    """The length of a ruler on the draped garment, cm; the stand-in's cloth does not stretch."""
    if not host.garment(garment).dressed:
        raise ApiError(Code.NO_SNAPSHOT_AVAILABLE, "the garment is not dressed")
    return ruler_length_get(host, garment, ruler, size)


@call
def ruler_create(host: Host, garment: str, name: str, elements: list[Element]) -> int:
    """Create a ruler along edges and internal lines."""
    opened = host.garment(garment)
    if not elements or not all(isinstance(element, Element) for element in elements):
        raise ApiError(Code.INVALID_ARGUMENT, "a ruler must have at least one Element")
    parts = [RulerElement(e.shapeId, e.edgeId, e.lineId) for e in elements]
    for part in parts:
        find(shape_of(opened, part.shape).edge, "edge or line", part.line)
    new = free_id([r.id for r in opened.rulers])
    opened.rulers.append(Ruler(new, name, parts))
    host.modified(opened)
    return new
