"""Calls about single materials, which are not groups."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from .. import geometry, materials, u3m
from ..calls import call
from ..codes import ApiError, Code
from ..host import Host
from ..model import Garment
from .lookup import find, free_id, json_object

_FILES = (".u3m", ".u3ma")


def _material(garment: Garment, colorway: int, material: int) -> dict[str, Any]:
    return find(find(garment.colorway, "colorway", colorway).materials.__getitem__, "material", material)


def _single(garment: Garment, colorway: int, material: int) -> dict[str, Any]:
    found = _material(garment, colorway, material)
    if found["type"] in materials.GROUPS:
        raise ApiError(Code.WRONG_KIND, f"material {material} is a group; use the calls for groups")
    return found


def _of_kind(garment: Garment, colorway: int, material: int, kinds: tuple[str, ...]) -> dict[str, Any]:
    found = _material(garment, colorway, material)
    if found["type"] not in kinds:
        raise ApiError(Code.WRONG_KIND, f"material {material} is a {found['type']}; expected {' or '.join(kinds)}")
    return found


@call
def material_create(host: Host, garment: str, colorway: int, text: str) -> int:
    """Add a material from a U3M document to a colorway."""
    opened = host.garment(garment)
    target = find(opened.colorway, "colorway", colorway)
    new = _free(opened)
    target.materials[new] = u3m.parse(json_object(text, "the material"), None)
    host.modified(opened)
    return new


@call
def material_get(host: Host, garment: str, colorway: int, material: int) -> str:
    """A material as a U3M document."""
    return json.dumps(u3m.document(_single(host.garment(garment), colorway, material)))


@call
def material_update(host: Host, garment: str, colorway: int, material: int, text: str) -> None:
    """Replace a material in one colorway by a whole U3M document; its kind and placements stay."""
    opened = host.garment(garment)
    before = _single(opened, colorway, material)
    opened.colorway(colorway).materials[material] = u3m.parse(json_object(text, "the material"), None, before)
    host.modified(opened)


@call
def material_update_from_file(host: Host, garment: str, colorway: int, material: int, path: str) -> None:
    """Replace a material in one colorway by a `.u3m` or `.u3ma`; its kind and placements stay."""
    opened = host.garment(garment)
    before = _single(opened, colorway, material)
    opened.colorway(colorway).materials[material] = _read(host, path, before)
    host.modified(opened)


@call
def material_import(host: Host, garment: str, colorway: int, path: str) -> list[int]:
    """Add a material from a `.u3m` or `.u3ma` to a colorway."""
    opened = host.garment(garment)
    target = find(opened.colorway, "colorway", colorway)
    new = _free(opened)
    target.materials[new] = _read(host, path)
    host.modified(opened)
    return [new]


def _read(host: Host, path: str, before: dict[str, Any] | None = None) -> dict[str, Any]:
    if Path(path).suffix.lower() not in _FILES:
        raise ApiError(Code.NOT_SUPPORTED, f"{path}: expected {' or '.join(_FILES)}")
    return u3m.read(Path(path), host.scratch(), before)


@call
def material_export(host: Host, garment: str, colorway: int, material: int, path: str) -> None:
    """Write a material as a `.u3m` with its texture beside it, or as a `.u3ma`."""
    source = _single(host.garment(garment), colorway, material)
    if Path(path).suffix.lower() not in _FILES:
        raise ApiError(Code.NOT_SUPPORTED, f"{path}: expected {' or '.join(_FILES)}")
    try:
        u3m.write(source, Path(path))
    except OSError as error:
        raise ApiError(Code.CANNOT_WRITE, f"{path}: {error}") from error


@call
def material_delete(host: Host, garment: str, colorway: int, material: int) -> None:
    """Delete a material or a group from a colorway unless it is in use."""
    opened = host.garment(garment)
    _material(opened, colorway, material)
    target = opened.colorway(colorway)
    if material in opened.used_materials(target):
        raise ApiError(Code.IN_USE, f"material {material} is in use")
    del target.materials[material]
    host.modified(opened)


@call
def material_clone(host: Host, garment: str, colorway: int, material: int, destination: int) -> int:
    """Copy a material to another colorway under a new id."""
    opened = host.garment(garment)
    source = _material(opened, colorway, material)
    target = find(opened.colorway, "colorway", destination)
    new = _free(opened)
    target.materials[new] = copy.deepcopy(source)
    host.modified(opened)
    return new


def _free(garment: Garment) -> int:
    return free_id([i for colorway in garment.colorways for i in colorway.materials])


@call
def material_surface_area_get(host: Host, garment: str, colorway: int, material: int, size: int) -> float:
    """Area of all shapes with a fabric, or of all placements of an artwork, in a size, in cm²."""
    opened = host.garment(garment)
    found = _of_kind(opened, colorway, material, ("fabric", "artwork"))
    factors = find(opened.size, "size", size).scale
    if found["type"] == "artwork":
        return round(float(sum(place["width_cm"] * place["height_cm"] for place in found["placements"])), 4)
    total = sum(
        abs(geometry.area(geometry.scale(shape.outline(), shape.origin, factors)))
        for shape in opened.pieces()
        if shape.material == material and shape.edges
    )
    return round(float(total), 4)


@call
def material_length_get(host: Host, garment: str, colorway: int, material: int, size: int) -> tuple[float, float]:
    """Total length in cm of all edges with a seam, in a size, and its depth."""
    opened = host.garment(garment)
    found = _of_kind(opened, colorway, material, ("seam", "trim_edge"))
    factors = find(opened.size, "size", size).scale
    total = sum(
        edge.length(shape.origin, factors)
        for shape in opened.pieces()
        for edge in shape.edges
        if edge.material == material
    )
    return round(float(total), 4), round(float(found["thickness_mm"]) / 10, 4)


@call
def material_bounding_box_get(
    host: Host, garment: str, colorway: int, material: int, size: int
) -> tuple[float, float, int]:
    """Width and height in cm of an artwork, and the number of its visible placements."""
    opened = host.garment(garment)
    found = _of_kind(opened, colorway, material, ("artwork", "trim3d"))
    find(opened.size, "size", size)
    removed = opened.colorway(colorway).removed
    boxes = [(place["width_cm"], place["height_cm"]) for place in found["placements"]]
    boxes += [
        (shape.trim.width_cm, shape.trim.height_cm)
        for shape in opened.shapes
        if shape.trim is not None and shape.material == material and shape.id not in removed
    ]
    width, height = (max((float(box[axis]) for box in boxes), default=0.0) for axis in (0, 1))
    return width, height, len(boxes)
