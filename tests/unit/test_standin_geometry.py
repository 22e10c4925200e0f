"""Curves, lengths and seam allowances, checked against the numbers in the sample pattern."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openjd_vstitcher.resources import resource
from openjd_vstitcher.standin import geometry

PATTERN = json.loads(resource("examples/garments/tee.pattern.json").read_text(encoding="utf-8"))
LINES = [
    pytest.param(line, id=f"{piece['name']} {line['name']}")
    for piece in PATTERN["pieces"]
    for line in [*piece["edges"], *piece.get("internal_lines", [])]
]


@pytest.mark.parametrize("line", LINES)
def test_line_length_matches_the_pattern(line):
    assert geometry.length(geometry.flatten(line["kind"], line["points"])) == pytest.approx(line["length_cm"], abs=0.02)


def test_cut_line_of_a_square_is_the_larger_square():
    square = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)]
    edges = [([a, b], 1.0) for a, b in zip(square, [*square[1:], square[0]], strict=True)]
    assert sorted(geometry.offset_outline(edges)) == [(-1.0, -1.0), (-1.0, 5.0), (5.0, -1.0), (5.0, 5.0)]


def test_each_edge_has_its_own_allowance():
    square = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)]
    edges = [([a, b], w) for a, b, w in zip(square, [*square[1:], square[0]], [2.0, 1.0, 0.0, 0.5], strict=True)]
    assert geometry.bounds(geometry.offset_outline(edges)) == pytest.approx((-0.5, -2.0, 5.0, 4.0))


@settings(max_examples=50, deadline=None)
@given(radius=st.floats(3, 60), allowance=st.floats(0.1, 2.5))
def test_cut_line_of_a_circle_is_the_larger_circle(radius, allowance):
    corners = [math.radians(a) for a in range(0, 361, 3)]
    ring = [(radius * math.cos(a), radius * math.sin(a)) for a in corners]
    quarters = [(ring[i : i + 31], allowance) for i in (0, 30, 60, 90)]
    cut = geometry.offset_outline(quarters)
    assert all(math.hypot(x, y) == pytest.approx(radius + allowance, rel=0.002) for x, y in cut)
    assert geometry.area(cut) > 0


def test_sharp_corner_is_cut_off_instead_of_growing_a_spike():
    needle = [(0.0, 0.0), (10.0, 0.1), (0.0, 0.2)]
    edges = [([a, b], 1.0) for a, b in zip(needle, [*needle[1:], needle[0]], strict=True)]
    assert geometry.bounds(geometry.offset_outline(edges))[2] < 14.1


def test_point_along_a_polyline():
    assert geometry.point_along([(0, 0), (3, 0), (3, 4)], 5.0) == ((3.0, 2.0), (0.0, 1.0))
