"""Calls about shapes, edges, stitches, clusters and rulers."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from ..calls import NewId, call
from ..codes import ApiError, Code
from ..elements import Element, Point, StitchSide
from ..host import Host
from ..model import Garment, Line, Ruler, RulerElement, Shape, Stitch, StitchEnd
from .lookup import find, free_id, json_object


def _shape(garment: Garment, shape: int) -> Shape:
    return find(garment.shape, "shape", shape)


def _edge(garment: Garment, shape: int, edge: int) -> Line:
    edges = {line.id: line for line in _shape(garment, shape).edges}
    return find(edges.__getitem__, "edge", edge)


@call
def shape_create(host: Host, garment: str) -> NewId:
    """Create a piece without edges."""
    opened = host.garment(garment)
    new = free_id([s.id for s in opened.shapes])
    opened.shapes.append(Shape(new, f"Shape {new}", next(iter(opened.colorways[0].materials), 1)))
    host.modified(opened)
    return NewId(new)


@call
def shape_delete(host: Host, garment: str, shape: int) -> int:
    """Delete a shape and the shapes that mirror it."""
    opened = host.garment(garment)
    opened.remove_shape(_shape(opened, shape))
    host.modified(opened)
    return 1


@call
def shape_properties_get(host: Host, garment: str, shape: int) -> str:
    """A shape as JSON; docs/standin.md lists the keys."""
    opened = host.garment(garment)
    target = _shape(opened, shape)
    properties = {
        "name": target.name,
        "material": target.material,
        "piece": target.trim is None,
        "symmetry": _symmetry(opened, target),
        "origin": target.origin,
        "grainline": target.grainline,
        "edges": [{**_line(e), "seam_allowance": e.seam_allowance} for e in target.edges],
        "internal_lines": [_line(e) for e in target.internal_lines],
        "trim": asdict(target.trim) if target.trim else None,
    }
    return json.dumps(properties)


def _line(line: Line) -> dict[str, Any]:
    description = {"id": line.id, "name": line.name, "kind": line.kind, "points": line.points}
    return {**description, "length": round(line.length(), 4)}


def _symmetry(garment: Garment, shape: Shape) -> dict[str, Any] | None:
    children = [child.id for child in garment.children(shape)]
    if shape.fold:
        return {"kind": "self", "axis": shape.fold, "parent": None, "children": children}
    if shape.parent is not None or children:
        return {"kind": "mirror", "parent": shape.parent, "children": children}
    return None


@call
def shape_properties_set(host: Host, garment: str, shape: int, properties: str) -> int:
    """Change a shape's name, material or allowances, or end its symmetry (`"symmetry": null`)."""
    opened = host.garment(garment)
    target = _shape(opened, shape)
    changed = json_object(properties, "the properties")
    unknown = set(changed) - {"name", "material", "symmetry", "edges"}
    if unknown or changed.get("symmetry") is not None:
        raise ApiError(Code.INVALID_ARGUMENT, f"cannot be set: {sorted(unknown) or 'a new symmetry'}")
    material = changed.get("material", target.material)
    if material not in opened.colorway(opened.current_colorway).materials:
        raise ApiError(Code.NOT_FOUND, f"no material {material!r}")
    allowances = _allowances(opened, shape, changed.get("edges", []))
    target.name, target.material = str(changed.get("name", target.name)), material
    for line, allowance in allowances:
        line.seam_allowance = allowance
    if "symmetry" in changed:
        opened.unlink(target)
    host.modified(opened)
    return 1


def _allowances(garment: Garment, shape: int, edges: Any) -> list[tuple[Line, float]]:
    try:
        allowances = [(_edge(garment, shape, int(e["id"])), float(e["seam_allowance"])) for e in edges]
    except (KeyError, TypeError, ValueError) as error:
        raise ApiError(Code.INVALID_ARGUMENT, f"edges need an id and a seam_allowance: {error!r}") from None
    if not all(0 <= allowance <= 100 for _, allowance in allowances):
        raise ApiError(Code.INVALID_ARGUMENT, "a seam allowance must be 0 to 100 cm")
    return allowances


@call
def shape_edge_ids(host: Host, garment: str, shape: int) -> list[int]:
    """The ids of the outline's edges, counter-clockwise."""
    return [edge.id for edge in _shape(host.garment(garment), shape).edges]


@call
def shape_material_id_set(host: Host, garment: str, shape: int, material: int) -> int:
    opened = host.garment(garment)
    target = _shape(opened, shape)
    find(opened.colorway(opened.current_colorway).materials.__getitem__, "material", material)
    target.material = material
    host.modified(opened)
    return 1


@call
def edge_material_id_set(host: Host, garment: str, shape: int, edge: int, material: int) -> int:
    """Sew a material on an edge."""
    opened = host.garment(garment)
    target = _edge(opened, shape, edge)
    find(opened.colorway(opened.current_colorway).materials.__getitem__, "material", material)
    target.material = material
    host.modified(opened)
    return 1


@call
def edge_seam_allowance_get(host: Host, garment: str, shape: int, edge: int) -> float:
    """The seam allowance of an edge, cm."""
    return _edge(host.garment(garment), shape, edge).seam_allowance


@call
def edge_create_as_polyline(
    host: Host, garment: str, shape: int, before: int, optimized: bool, points: list[Point]
) -> NewId:
    """Create an edge through points, before another edge (-1: at the end)."""
    return _new_edge(host, garment, shape, before, "line" if len(points) == 2 else "polyline", points)


@call
def edge_create_as_bezier(host: Host, garment: str, shape: int, before: int, points: list[Point]) -> NewId:
    """Create an edge of cubic Béziers (4, 7, 10, … control points) before another edge (-1: at the end)."""
    host.garment(garment)
    if len(points) < 4 or (len(points) - 1) % 3:
        raise ApiError(Code.INVALID_ARGUMENT, "a Bézier edge must have 4, 7, 10, … points")
    return _new_edge(host, garment, shape, before, "bezier", points)


def _new_edge(host: Host, garment: str, shape: int, before: int, kind: str, points: list[Point]) -> NewId:
    opened = host.garment(garment)
    target = _shape(opened, shape)
    if len(points) < 2 or not all(isinstance(point, Point) for point in points):
        raise ApiError(Code.INVALID_ARGUMENT, "an edge must have at least two points")
    place = len(target.edges) if before == -1 else target.edges.index(_edge(opened, shape, before))
    new = free_id([line.id for line in (*target.edges, *target.internal_lines)])
    target.edges.insert(place, Line(new, f"edge {new}", kind, [(p.x, p.y) for p in points]))
    host.modified(opened)
    return NewId(new)


@call
def stitch_create(host: Host, garment: str, side1: StitchSide, side2: StitchSide) -> NewId:
    """Sew two edges together."""
    opened = host.garment(garment)
    ends = []
    for side in (side1, side2):
        _edge(opened, side.shapeId, side.edgeId)
        ends.append(StitchEnd(side.shapeId, side.edgeId, False, side.start, side.end))
    new = free_id([s.id for s in opened.stitches])
    opened.stitches.append(Stitch(new, f"Stitch {new}", *ends))
    host.modified(opened)
    return NewId(new)


@call
def cluster_shape_add(host: Host, garment: str, cluster: int, shape: int) -> int:
    opened = host.garment(garment)
    clusters = {c.id: c for c in opened.clusters}
    target = find(clusters.__getitem__, "cluster", cluster)
    if _shape(opened, shape).id not in target.shapes:
        target.shapes.append(shape)
    host.modified(opened)
    return 1


@call
def cluster_shape_remove(host: Host, garment: str, cluster: int, shape: int) -> int:
    opened = host.garment(garment)
    clusters = {c.id: c for c in opened.clusters}
    target = find(clusters.__getitem__, "cluster", cluster)
    if shape not in target.shapes:
        raise ApiError(Code.NOT_FOUND, f"shape {shape} is not in cluster {cluster}")
    target.shapes.remove(shape)
    host.modified(opened)
    return 1


@call
def cluster_delete(host: Host, garment: str, cluster: int) -> int:
    """Delete a cluster. The shapes of a trim are deleted too; other clusters are only ungrouped."""
    opened = host.garment(garment)
    clusters = {c.id: c for c in opened.clusters}
    target = find(clusters.__getitem__, "cluster", cluster)
    opened.clusters.remove(target)
    if target.kind == "trim":
        for shape in [s for s in opened.shapes if s.id in target.shapes]:
            opened.remove_shape(shape)
    host.modified(opened)
    return 1


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
    """The length of a ruler in a size, cm."""
    opened = host.garment(garment)
    return round(opened.ruler_length(_ruler(opened, ruler), find(opened.size, "size", size)), 4)


@call
def ruler_create(host: Host, garment: str, name: str, elements: list[Element]) -> NewId:
    """Create a ruler along edges and internal lines."""
    opened = host.garment(garment)
    if not elements or not all(isinstance(element, Element) for element in elements):
        raise ApiError(Code.INVALID_ARGUMENT, "a ruler must have at least one Element")
    parts = [RulerElement(e.shapeId, e.edgeId, e.lineId) for e in elements]
    for part in parts:
        find(_shape(opened, part.shape).edge, "edge or line", part.line)
    new = free_id([r.id for r in opened.rulers])
    opened.rulers.append(Ruler(new, name, parts))
    host.modified(opened)
    return NewId(new)
