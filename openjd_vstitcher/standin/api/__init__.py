"""The `BwApi` calls by group. Importing this package registers all of them."""

from __future__ import annotations

from . import (
    application,
    avatar,
    cameras,
    colorways,
    garment,
    groups,
    libraries,
    material,
    pattern,
    render,
    rulers,
    scene,
    shapes,
    sizes,
    snapshots,
    trims,
)

__all__ = [
    "application",
    "avatar",
    "cameras",
    "colorways",
    "garment",
    "groups",
    "libraries",
    "material",
    "pattern",
    "render",
    "rulers",
    "scene",
    "shapes",
    "sizes",
    "snapshots",
    "trims",
]
