"""Calls about material containers (placements of artworks and trims in the current colorway) and buttons."""

from __future__ import annotations

import math
from typing import Any

from ..calls import call
from ..codes import ApiError, Code
from ..elements import Transformation
from ..host import Host
from ..model import Garment, Shape, Trim
from .lookup import find, free_id


def _placements(garment: Garment) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The placements of the current colorway, each with its material."""
    listed = garment.colorway(garment.current_colorway).materials.values()
    return [(material, place) for material in listed for place in material.get("placements", [])]


def _labels(garment: Garment) -> list[Shape]:
    return [shape for shape, trim in garment.trims() if trim.kind != "button"]


@call
def material_container_ids(host: Host, garment: str) -> list[int]:
    """The placements that the current colorway shows."""
    opened = host.garment(garment)
    return [place["id"] for _, place in _placements(opened)] + [shape.id for shape in _labels(opened)]


@call
def material_container_create(
    host: Host, garment: str, shape: int, material: int, transformation: Transformation, draw_place: int
) -> int:
    """Place an artwork or a trim on a shape in the current colorway."""
    opened = host.garment(garment)
    if find(opened.shape, "shape", shape).trim is not None:
        raise ApiError(Code.NOT_FOUND, f"no shape {shape}")
    target = find(opened.colorway(opened.current_colorway).materials.__getitem__, "material", material)
    if target["type"] not in ("artwork", "trim", "trim3d"):
        raise ApiError(Code.WRONG_KIND, f"material {material} is a {target['type']}, which cannot be placed")
    width, height = transformation.dim.x, transformation.dim.y
    if not (width > 0 and height > 0):
        raise ApiError(Code.INVALID_ARGUMENT, "the dimensions must be more than 0 cm")
    new = _free_container(opened)
    center = [transformation.offset.x, transformation.offset.y]
    place = {"id": new, "shape": shape, "center": center, "width_cm": width, "height_cm": height}
    target.setdefault("placements", []).append({**place, "rotation": math.degrees(transformation.rotate)})
    host.modified(opened)
    return new


def _free_container(garment: Garment) -> int:
    placed = [
        place["id"]
        for colorway in garment.colorways
        for material in colorway.materials.values()
        for place in material.get("placements", [])
    ]
    return free_id([*placed, *(shape.id for shape in garment.shapes)])


@call
def material_container_delete(host: Host, garment: str, container: int) -> None:
    """Delete a placement in the current colorway."""
    opened = host.garment(garment)
    for material, place in _placements(opened):
        if place["id"] == container:
            material["placements"].remove(place)
            host.modified(opened)
            return
    if container not in [shape.id for shape in _labels(opened)]:
        raise ApiError(Code.NOT_FOUND, f"no material container {container}")
    opened.colorway(opened.current_colorway).removed.append(container)
    host.modified(opened)


def _button(garment: Garment, button: int) -> Shape:
    buttons = {s.id: s for s in garment.shapes if s.trim is not None and s.trim.kind == "button"}
    return find(buttons.__getitem__, "button", button)


@call
def button_create(host: Host, garment: str, material: int, shape: int, hole_shape: int, one_location: bool) -> int:
    """Place a button in the centre of a shape; the stand-in has no buttonholes, so every button has one location."""
    if not one_location:
        host.log("ButtonCreate: a button of the stand-in always has one location")
    opened = host.garment(garment)
    group = find(opened.colorway(opened.current_colorway).materials.__getitem__, "material", material)
    if group["type"] != "button":
        raise ApiError(Code.WRONG_KIND, f"material {material} is not a button")
    on = find(opened.shape, "shape", shape)
    find(opened.shape, "shape", hole_shape)
    new = free_id([s.id for s in opened.shapes])
    trim = Trim("button", shape, on.center(), 1.3, 1.3)
    opened.shapes.append(Shape(new, f"Button {new}", material, trim=trim))
    host.modified(opened)
    return new


@call
def button_delete(host: Host, garment: str, button: int) -> None:
    """Delete a button in all colorways."""
    opened = host.garment(garment)
    opened.remove_shape(_button(opened, button))
    host.modified(opened)


@call
def button_one_location(host: Host, garment: str, button: int) -> int:
    _button(host.garment(garment), button)
    return 1
