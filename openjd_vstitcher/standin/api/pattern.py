"""Calls about edges, stitches and clusters."""

from __future__ import annotations

from ..calls import call
from ..codes import ApiError, Code
from ..elements import BezierPoint, CoordinatesXY, Point, StitchSide
from ..geometry import Point as Coordinates
from ..host import Host
from ..model import Cluster, Garment, Line, Stitch, StitchEnd
from .lookup import find, free_id
from .shapes import shape_of


def _edge(garment: Garment, shape: int, edge: int) -> Line:
    edges = {line.id: line for line in shape_of(garment, shape).edges}
    return find(edges.__getitem__, "edge", edge)


@call
def edge_material_id_set(host: Host, garment: str, shape: int, edge: int, material: int) -> None:
    """Sew a material on an edge."""
    opened = host.garment(garment)
    target = _edge(opened, shape, edge)
    find(opened.colorway(opened.current_colorway).materials.__getitem__, "material", material)
    target.material = material
    host.modified(opened)


@call
def edge_seam_allowance_get(host: Host, garment: str, shape: int, edge: int) -> float:
    """The seam allowance of an edge, cm."""
    return float(_edge(host.garment(garment), shape, edge).seam_allowance)


@call
def edge_create(host: Host, garment: str, shape: int, before: int, points: list[Point]) -> int:
    """Same as `EdgeCreateAsPolyline` (deprecated in VStitcher)."""
    return _polyline(host, garment, shape, before, points)


@call
def edge_create_as_polyline(
    host: Host, garment: str, shape: int, before: int, optimized: bool, points: list[Point]
) -> int:
    """Create an edge through points, before another edge (-1: at the end)."""
    return _polyline(host, garment, shape, before, points)


def _polyline(host: Host, garment: str, shape: int, before: int, points: list[Point]) -> int:
    if not all(isinstance(point, Point) for point in points):
        raise ApiError(Code.INVALID_ARGUMENT, "an edge is made of Point")
    kind = "line" if len(points) == 2 else "polyline"
    return _new_edge(host, garment, shape, before, kind, [(p.x, p.y) for p in points])


@call
def edge_create_as_bezier(host: Host, garment: str, shape: int, before: int, points: list[BezierPoint]) -> int:
    """Create an edge of cubic Béziers before another edge (-1: at the end)."""
    host.garment(garment)
    if not all(isinstance(point, BezierPoint) for point in points):
        raise ApiError(Code.INVALID_ARGUMENT, "a Bézier edge is made of BezierPoint")
    control = [(p.x, p.y) for point in points for p in (point.handle1, point.point, point.handle2)]
    return _new_edge(host, garment, shape, before, "bezier", control[1:-1])


def _new_edge(host: Host, garment: str, shape: int, before: int, kind: str, points: list[Coordinates]) -> int:
    opened = host.garment(garment)
    target = shape_of(opened, shape)
    if len(points) < 2:
        raise ApiError(Code.INVALID_ARGUMENT, "an edge must have at least two points")
    place = len(target.edges) if before == -1 else target.edges.index(_edge(opened, shape, before))
    new = free_id([line.id for line in (*target.edges, *target.internal_lines)])
    target.edges.insert(place, Line(new, f"edge {new}", kind, points))
    host.modified(opened)
    return new


@call
def edge_delete(host: Host, garment: str, shape: int, edge: int) -> None:
    opened = host.garment(garment)
    shape_of(opened, shape).edges.remove(_edge(opened, shape, edge))
    host.modified(opened)


@call
def stitch_create(host: Host, garment: str, side1: StitchSide, side2: StitchSide) -> int:
    """Sew two edges together."""
    opened = host.garment(garment)
    ends = []
    for side in (side1, side2):
        _edge(opened, side.shapeId, side.edgeId)
        ends.append(StitchEnd(side.shapeId, side.edgeId, False, side.marker1, side.marker2))
    new = free_id([s.id for s in opened.stitches])
    opened.stitches.append(Stitch(new, f"Stitch {new}", *ends))
    host.modified(opened)
    return new


def _cluster(garment: Garment, cluster: int) -> Cluster:
    return find({c.id: c for c in garment.clusters}.__getitem__, "cluster", cluster)


@call
def cluster_create(host: Host, garment: str, view: int, location: int) -> int:
    """Create a place on the avatar where shapes can hang."""
    opened = host.garment(garment)
    new = free_id([c.id for c in opened.clusters])
    opened.clusters.append(Cluster(new, f"Cluster {new}", []))
    host.modified(opened)
    return new


@call
def cluster_shape_add(host: Host, garment: str, cluster: int, shape: int) -> None:
    opened = host.garment(garment)
    target = _cluster(opened, cluster)
    if shape_of(opened, shape).id not in target.shapes:
        target.shapes.append(shape)
    host.modified(opened)


def _in_cluster(garment: Garment, cluster: int, shape: int) -> Cluster:
    target = _cluster(garment, cluster)
    if shape not in target.shapes:
        raise ApiError(Code.NOT_FOUND, f"shape {shape} is not in cluster {cluster}")
    return target


@call
def cluster_shape_remove(host: Host, garment: str, cluster: int, shape: int) -> None:
    opened = host.garment(garment)
    _in_cluster(opened, cluster, shape).shapes.remove(shape)
    host.modified(opened)


@call
def cluster_shape_offset_get(host: Host, garment: str, cluster: int, shape: int) -> CoordinatesXY:
    """Where a shape hangs relative to its cluster, cm."""
    target = _in_cluster(host.garment(garment), cluster, shape)
    return CoordinatesXY(*target.offsets.get(shape, (0.0, 0.0)))


@call
def cluster_shape_offset_set(host: Host, garment: str, cluster: int, shape: int, offset: CoordinatesXY) -> None:
    opened = host.garment(garment)
    _in_cluster(opened, cluster, shape).offsets[shape] = (offset.x, offset.y)
    host.modified(opened)


@call
def cluster_delete(host: Host, garment: str, cluster: int) -> None:
    """Delete a cluster; its shapes stay."""
    opened = host.garment(garment)
    opened.clusters.remove(_cluster(opened, cluster))
    host.modified(opened)
