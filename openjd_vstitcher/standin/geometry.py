"""Plane geometry of patterns: curves, lengths, areas, offsets. In cm, x right, y up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

Point = tuple[float, float]

BEZIER_STEPS = 24
_MITRE_LIMIT = 4.0


def flatten(kind: str, points: Sequence[Sequence[float]]) -> list[Point]:
    """The points of a line, polyline or chain of cubic Béziers (4, 7, 10, … control points)."""
    control = [(float(x), float(y)) for x, y in points]
    if kind != "bezier" or len(control) < 4:
        return control
    flat = [control[0]]
    for start in range(0, len(control) - 3, 3):
        a, b, c, d = control[start : start + 4]
        for step in range(1, BEZIER_STEPS + 1):
            t = step / BEZIER_STEPS
            u = 1 - t
            k = (u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t)
            flat.append(
                (
                    k[0] * a[0] + k[1] * b[0] + k[2] * c[0] + k[3] * d[0],
                    k[0] * a[1] + k[1] * b[1] + k[2] * c[1] + k[3] * d[1],
                )
            )
    return flat


def length(line: Sequence[Point]) -> float:
    """Length of a polyline."""
    return sum(math.dist(a, b) for a, b in pairwise(line))


def area(outline: Sequence[Point]) -> float:
    """Signed area of a closed outline, positive when it runs counter-clockwise."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(outline, [*outline[1:], outline[0]], strict=True)) / 2


def bounds(points: Sequence[Point]) -> tuple[float, float, float, float]:
    """Minimum x and y, maximum x and y."""
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    return min(xs), min(ys), max(xs), max(ys)


def scale(points: Sequence[Point], origin: Point, factors: Point) -> list[Point]:
    """Scale points about an origin, as grading does."""
    return [(origin[0] + (x - origin[0]) * factors[0], origin[1] + (y - origin[1]) * factors[1]) for x, y in points]


def point_along(line: Sequence[Point], distance: float) -> tuple[Point, Point]:
    """The point at a distance along a polyline, and the unit direction at that point."""
    remaining = distance
    for a, b in pairwise(line):
        step = math.dist(a, b)
        if step > 0 and (remaining <= step or b is line[-1]):
            t = remaining / step
            direction = ((b[0] - a[0]) / step, (b[1] - a[1]) / step)
            return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t), direction
        remaining -= step
    return line[-1], (1.0, 0.0)


def offset_outline(edges: Sequence[tuple[Sequence[Point], float]]) -> list[Point]:
    """The cut line around a sewing line: each edge moved outwards by its own allowance, with mitred corners.

    Parameters
    ----------
    edges: consecutive polylines of a closed counter-clockwise outline, each with its allowance in cm.
    """
    moved = [_shifted(_without_repeats(line), allowance) for line, allowance in edges]
    widths = [allowance for _, allowance in edges]
    cut: list[Point] = []
    for index, line in enumerate(moved):
        following = moved[(index + 1) % len(moved)]
        corner = tuple(edges[index][0][-1])
        cut.extend(line[1:-1])
        cut.extend(
            _corner(line, following, (corner[0], corner[1]), max(widths[index], widths[(index + 1) % len(moved)]))
        )
    return _without_repeats(cut)


def _without_repeats(line: Sequence[Point]) -> list[Point]:
    kept = [line[0]]
    for point in line[1:]:
        if math.dist(point, kept[-1]) > 1e-6:
            kept.append(point)
    return kept


def _shifted(line: Sequence[Point], by: float) -> list[Point]:
    """A polyline moved to its right by a distance, with mitred inner corners."""
    normals = []
    for a, b in pairwise(line):
        step = math.dist(a, b)
        normals.append(((b[1] - a[1]) / step, (a[0] - b[0]) / step))
    shifted = [(line[0][0] + normals[0][0] * by, line[0][1] + normals[0][1] * by)]
    for point, before, after in zip(line[1:], normals, normals[1:], strict=False):
        x, y = before[0] + after[0], before[1] + after[1]
        square = max(x * x + y * y, 4 / _MITRE_LIMIT**2)
        shifted.append((point[0] + 2 * x * by / square, point[1] + 2 * y * by / square))
    shifted.append((line[-1][0] + normals[-1][0] * by, line[-1][1] + normals[-1][1] * by))
    return shifted


def _corner(before: Sequence[Point], after: Sequence[Point], corner: Point, width: float) -> list[Point]:
    """The intersection of two consecutive moved edges, or both of their ends if it is too far from the corner."""
    a, b, c, d = before[-2], before[-1], after[0], after[1]
    ux, uy, vx, vy = b[0] - a[0], b[1] - a[1], d[0] - c[0], d[1] - c[1]
    cross = ux * vy - uy * vx
    if abs(cross) > 1e-9:
        t = ((c[0] - a[0]) * vy - (c[1] - a[1]) * vx) / cross
        intersection = (a[0] + ux * t, a[1] + uy * t)
        if math.dist(intersection, corner) <= _MITRE_LIMIT * max(width, 1e-6):
            return [intersection]
    return [b, c]
