"""Builds a garment from the document that a file stores; `Garment.document` is the inverse."""

from __future__ import annotations

from typing import Any

from .geometry import Point
from .model import (
    Cluster,
    Colorway,
    Garment,
    Line,
    Ruler,
    RulerElement,
    Shape,
    Size,
    Snapshot,
    Stitch,
    StitchEnd,
    Trim,
)


def from_document(data: dict[str, Any]) -> Garment:
    """Build a garment from a `Garment.document()`; KeyError, TypeError or ValueError if that is invalid."""

    def point(p: Any) -> Point:
        return float(p[0]), float(p[1])

    def line(d: dict[str, Any]) -> Line:
        return Line(**{**d, "points": [point(p) for p in d["points"]]})

    def shape(d: dict[str, Any]) -> Shape:
        trim = d.get("trim")
        return Shape(
            **{
                **d,
                "origin": point(d.get("origin", (0, 0))),
                "grainline": [point(p) for p in d.get("grainline", [])],
                "edges": [line(e) for e in d.get("edges", [])],
                "internal_lines": [line(e) for e in d.get("internal_lines", [])],
                "fold": [point(p) for p in d["fold"]] if d.get("fold") else None,
                "trim": Trim(**{**trim, "center": point(trim["center"])}) if trim else None,
            }
        )

    def colorway(d: dict[str, Any]) -> Colorway:
        materials = {int(m["id"]): {k: v for k, v in m.items() if k != "id"} for m in d["materials"]}
        return Colorway(int(d["id"]), str(d["name"]), materials, [int(trim) for trim in d.get("removed", [])])

    def cluster(d: dict[str, Any]) -> Cluster:
        offsets = {int(shape): point(offset) for shape, offset in d.get("offsets", {}).items()}
        return Cluster(d["id"], d["name"], d["shapes"], offsets)

    rulers = [Ruler(r["id"], r["name"], [RulerElement(**e) for e in r["elements"]]) for r in data.get("rulers", [])]
    garment = Garment(
        **{
            **data,
            "shapes": [shape(d) for d in data["shapes"]],
            "colorways": [colorway(d) for d in data["colorways"]],
            "stitches": [
                Stitch(s["id"], s["name"], StitchEnd(**s["a"]), StitchEnd(**s["b"])) for s in data.get("stitches", [])
            ],
            "clusters": [cluster(d) for d in data.get("clusters", [])],
            "sizes": [Size(d["id"], d["name"], point(d["scale"])) for d in data.get("sizes", [])],
            "rulers": rulers,
            "snapshots": [Snapshot(**d) for d in data.get("snapshots", [])],
        }
    )
    garment.colorway(garment.current_colorway)
    return garment
