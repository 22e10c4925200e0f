"""Writes pattern pieces as DXF for cutting: in cm, on AAMA layers, one block for each piece. Needs ezdxf."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import geometry

if TYPE_CHECKING:
    from .geometry import Point
    from .model import Garment, Line, Shape

LAYERS = {
    "1": "cut",
    "4": "notch",
    "6": "mirror",
    "7": "grain",
    "8": "internal",
    "14": "sew",
    "15": "annotation",
    "19": "ruler",
}
"""Layers and their kinds of lines. Numbers up to 15 are AAMA's; 19 is specific to this project."""

_COLORS = {"1": 7, "4": 1, "6": 6, "7": 3, "8": 5, "14": 4, "15": 8, "19": 2}
_NOTCH_CM = 0.5
_TEXT_CM = 0.8
_CENTIMETRES = 5


def pattern_dxf(garment: Garment) -> str:
    """Return the pieces of the garment in its base size as DXF. The same garment gives the same text."""
    import ezdxf

    stream = io.StringIO()
    with _fixed_metadata():
        document = ezdxf.new("R2010", setup=False, units=_CENTIMETRES)
        for number, kind in LAYERS.items():
            document.layers.add(number, color=_COLORS[number]).description = f"{kind} line"
        used: set[str] = set()
        for shape in garment.pieces():
            if shape.edges:
                name = block_name(shape.name, used)
                _fill(document.blocks.new(name), garment, shape)
                document.modelspace().add_blockref(name, (0, 0))
        document.write(stream)
    return stream.getvalue()


def block_name(name: str, used: set[str]) -> str:
    """Return a unique block name for a piece: upper-case letters, digits and hyphens, at most 20 characters."""
    plain = re.sub(r"[^A-Z0-9]+", "-", name.upper()).strip("-")[:20] or "PIECE"
    unique, number = plain, 2
    while unique in used:
        unique, number = f"{plain[:17]}-{number}", number + 1
    used.add(unique)
    return unique


def _fill(block: Any, garment: Garment, shape: Shape) -> None:
    block.add_lwpolyline(shape.cut_line(), close=True, dxfattribs={"layer": "1"})
    block.add_lwpolyline(shape.outline(), close=True, dxfattribs={"layer": "14"})
    for line in shape.internal_lines:
        block.add_lwpolyline(line.polyline(), dxfattribs={"layer": "8"})
    if len(shape.grainline) >= 2:
        block.add_lwpolyline(shape.grainline, dxfattribs={"layer": "7"})
    if shape.fold:
        block.add_lwpolyline(shape.fold, dxfattribs={"layer": "6"})
    for edge in shape.edges:
        for start, end in _notches(garment, shape, edge):
            block.add_line(start, end, dxfattribs={"layer": "4"})
    for ruler in garment.rulers:
        for element in ruler.elements:
            if element.shape == shape.id:
                block.add_lwpolyline(shape.edge(element.line).polyline(), dxfattribs={"layer": "19"})
    low_x, low_y, high_x, high_y = geometry.bounds(shape.outline())
    for row, text in enumerate(_annotations(garment, shape)):
        place = ((low_x + high_x) / 2, (low_y + high_y) / 2 - row * 1.5 * _TEXT_CM)
        block.add_text(text, height=_TEXT_CM, dxfattribs={"layer": "15", "insert": place})


def _annotations(garment: Garment, shape: Shape) -> list[str]:
    size = garment.size(garment.base_size).name if garment.sizes else ""
    lines = [
        f"PIECE NAME: {shape.name}",
        f"SIZE: {size}",
        f"MATERIAL: {garment.material(shape.material).get('name', '')}",
    ]
    children = garment.children(shape)
    if shape.parent is not None:
        lines.append(f"MIRROR OF: {garment.shape(shape.parent).name}")
        lines.append("QUANTITY: 0")
    else:
        lines.append(f"QUANTITY: 1,{len(children)}" if children else "QUANTITY: 1")
    return lines


def _notches(garment: Garment, shape: Shape, edge: Line) -> list[tuple[Point, Point]]:
    """A notch across the allowance in the middle of a sewn edge that is at least 4 cm long."""
    line = edge.polyline()
    span = geometry.length(line)
    sewn = any((end.shape, end.edge) == (shape.id, edge.id) for s in garment.stitches for end in (s.a, s.b))
    if not sewn or span < 4 or edge.seam_allowance <= 0:
        return []
    (x, y), (dx, dy) = geometry.point_along(line, span / 2)
    depth = min(_NOTCH_CM, edge.seam_allowance)
    return [
        (
            (x + dy * edge.seam_allowance, y - dx * edge.seam_allowance),
            (x + dy * (edge.seam_allowance - depth), y - dx * (edge.seam_allowance - depth)),
        )
    ]


@contextmanager
def _fixed_metadata() -> Iterator[None]:
    """Make ezdxf write the same times and ids on every run."""
    import ezdxf

    before = ezdxf.options.write_fixed_meta_data_for_testing
    ezdxf.options.write_fixed_meta_data_for_testing = True
    try:
        yield
    finally:
        ezdxf.options.write_fixed_meta_data_for_testing = before


def piece_size(shape: Shape) -> tuple[float, float]:
    """Width and height of the cut piece, cm."""
    low_x, low_y, high_x, high_y = geometry.bounds(shape.cut_line())
    return math.ceil((high_x - low_x) * 100) / 100, math.ceil((high_y - low_y) * 100) / 100
