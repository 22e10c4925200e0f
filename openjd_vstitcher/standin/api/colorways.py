"""Calls about colorways and their colours."""

from __future__ import annotations

import copy

from .. import materials
from ..calls import call
from ..codes import ApiError, Code
from ..elements import Color
from ..host import Host
from ..model import Colorway
from .lookup import find, free_id


@call
def colorway_current_get(host: Host, garment: str) -> int:
    return host.garment(garment).current_colorway


@call
def colorway_current_set(host: Host, garment: str, colorway: int) -> None:
    opened = host.garment(garment)
    opened.current_colorway = find(opened.colorway, "colorway", colorway).id


@call
def colorway_name_get(host: Host, garment: str, colorway: int) -> str:
    return find(host.garment(garment).colorway, "colorway", colorway).name


@call
def colorway_name_set(host: Host, garment: str, colorway: int, name: str) -> None:
    opened = host.garment(garment)
    find(opened.colorway, "colorway", colorway).name = name
    host.modified(opened)


@call
def colorway_clone(host: Host, garment: str, colorway: int) -> int:
    """Append a copy of a colorway."""
    opened = host.garment(garment)
    source = find(opened.colorway, "colorway", colorway)
    new = free_id([c.id for c in opened.colorways])
    opened.colorways.append(Colorway(new, f"{source.name} copy", copy.deepcopy(source.materials), list(source.removed)))
    host.modified(opened)
    return new


@call
def colorway_delete(host: Host, garment: str, colorway: int) -> None:
    """Delete a colorway other than the current one."""
    opened = host.garment(garment)
    target = find(opened.colorway, "colorway", colorway)
    if target.id == opened.current_colorway:
        raise ApiError(Code.IN_USE, "the current colorway cannot be deleted")
    opened.colorways.remove(target)
    host.modified(opened)


@call
def colorway_material_ids(host: Host, garment: str, colorway: int) -> list[int]:
    """All materials, groups and the items of groups."""
    return list(find(host.garment(garment).colorway, "colorway", colorway).materials)


@call
def colorway_used_material_ids(host: Host, garment: str, colorway: int) -> list[int]:
    """The materials of shapes, trims and edges, and artworks placed on a shape."""
    opened = host.garment(garment)
    target = find(opened.colorway, "colorway", colorway)
    used = opened.used_materials(target)
    return [i for i, m in target.materials.items() if i in used or m.get("placements")]


@call
def colorway_colors_in_use_get(host: Host, garment: str, colorway: int) -> list[Color]:
    """The colours of the materials in use, each once."""
    opened = host.garment(garment)
    target = find(opened.colorway, "colorway", colorway)
    used = opened.used_materials(target)
    return [
        Color(*materials.rgb(c)) for c in sorted({str(m["color"]) for i, m in target.materials.items() if i in used})
    ]


@call
def colorway_colors_in_use_update(host: Host, garment: str, colorway: int, source: Color, target: Color) -> None:
    """Replace a colour everywhere in a colorway."""
    opened = host.garment(garment)
    try:
        old, new = (materials.hexadecimal([c.r, c.g, c.b]) for c in (source, target))
    except ValueError as error:
        raise ApiError(Code.INVALID_ARGUMENT, str(error)) from None
    listed = find(opened.colorway, "colorway", colorway).materials.values()
    matching = [material for material in listed if str(material["color"]).lower() == old]
    if not matching:
        raise ApiError(Code.NOT_FOUND, f"no material has the colour {old}")
    for material in matching:
        material["color"] = new
    host.modified(opened)
