"""Makes seam allowances equal on both halves of symmetric pieces. The format of shape properties is unverified."""

import json


def make_symmetric(garment):
    """Give each edge of a mirrored shape, or of the second half of a folded one, its counterpart's seam allowance."""
    bw = garment.bw
    for shape in garment.shapes():
        properties = json.loads(bw.ShapePropertiesGet(garment.id, shape))
        symmetry = properties.get("symmetry") or {}
        edges = properties.get("edges") or []
        if symmetry.get("kind") == "mirror" and symmetry.get("parent") is not None:
            parent = json.loads(bw.ShapePropertiesGet(garment.id, symmetry["parent"]))
            pairs = list(zip(parent.get("edges") or [], edges))  # noqa: B905  # Python 3.7 has no strict
        elif symmetry.get("kind") == "self" and symmetry.get("axis"):
            pairs = _pairs_across(symmetry["axis"], edges)
        else:
            continue
        changes = [
            {"id": other["id"], "seam_allowance": edge["seam_allowance"]}
            for edge, other in pairs
            if edge["seam_allowance"] != other["seam_allowance"]
        ]
        if changes:
            bw.ShapePropertiesSet(garment.id, shape, json.dumps({"edges": changes}))


def _pairs_across(axis, edges):
    """Pairs of edges that are each other's mirror image, the one with the smaller id first."""
    ends = {edge["id"]: {_rounded(edge["points"][0]), _rounded(edge["points"][-1])} for edge in edges}
    mirrored = {edge["id"]: {_rounded(_mirrored(edge["points"][end], axis)) for end in (0, -1)} for edge in edges}
    return [
        (edge, other)
        for edge in edges
        for other in edges
        if edge["id"] < other["id"] and mirrored[edge["id"]] == ends[other["id"]]
    ]


def _mirrored(point, axis):
    (ax, ay), (bx, by) = axis
    dx, dy = bx - ax, by - ay
    along = ((point[0] - ax) * dx + (point[1] - ay) * dy) / (dx * dx + dy * dy)
    return 2 * (ax + along * dx) - point[0], 2 * (ay + along * dy) - point[1]


def _rounded(point):
    return round(point[0], 2), round(point[1], 2)
