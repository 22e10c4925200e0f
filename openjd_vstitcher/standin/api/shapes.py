"""Calls about shapes, which are pattern pieces. Trims are not shapes here."""

from __future__ import annotations

import json
from typing import Any

from ..calls import call
from ..codes import ApiError, Code
from ..elements import CoordinatesXY
from ..host import Host
from ..model import Garment, Shape
from .lookup import find, free_id, json_object


def shape_of(garment: Garment, shape: int) -> Shape:
    """The piece with this id; ApiError if there is none."""
    return find({piece.id: piece for piece in garment.pieces()}.__getitem__, "shape", shape)


@call
def shape_create(host: Host, garment: str) -> int:
    """Create a piece without edges."""
    opened = host.garment(garment)
    new = free_id([s.id for s in opened.shapes])
    opened.shapes.append(Shape(new, f"Shape {new}", next(iter(opened.colorways[0].materials), 1)))
    host.modified(opened)
    return new


@call
def shape_delete(host: Host, garment: str, shape: int) -> None:
    """Delete a shape and the shapes that mirror it."""
    opened = host.garment(garment)
    opened.remove_shape(shape_of(opened, shape))
    host.modified(opened)


@call
def shape_properties_get(host: Host, garment: str, shape: int) -> str:
    """JSON with `name`, `symmetry` and `draping`; the keys are the stand-in's own."""
    opened = host.garment(garment)
    target = shape_of(opened, shape)
    draping = {"showIn3D": 1, "grid": 1, "layer": 2, "collisionType": 0}
    return json.dumps({"name": target.name, "symmetry": _symmetry(opened, target), "draping": draping})


def _symmetry(garment: Garment, shape: Shape) -> dict[str, Any] | None:
    children = [child.id for child in garment.children(shape)]
    if shape.fold:
        return {"kind": "self", "axis": shape.fold, "parent": None, "children": children}
    if shape.parent is not None or children:
        return {"kind": "mirror", "parent": shape.parent, "children": children}
    return None


@call
def shape_properties_set(host: Host, garment: str, shape: int, properties: str) -> None:
    """Change a shape's name. Everything else has no effect, unless the switch `unlinks` is on."""
    opened = host.garment(garment)
    target = shape_of(opened, shape)
    changed = json_object(properties, "the properties")
    target.name = str(changed.get("name", target.name))
    if host.switches.unlinks and "symmetry" in changed and not changed["symmetry"]:
        opened.unlink(target)
    host.modified(opened)


@call
def shape_edge_ids(host: Host, garment: str, shape: int) -> list[int]:
    """The ids of the outline's edges, counter-clockwise."""
    return [edge.id for edge in shape_of(host.garment(garment), shape).edges]


@call
def shape_center_get(host: Host, garment: str, shape: int) -> CoordinatesXY:
    """The centre of a shape's outline, cm."""
    return CoordinatesXY(*shape_of(host.garment(garment), shape).center())


@call
def shape_material_id_set(host: Host, garment: str, shape: int, material: int) -> None:
    """Give a shape a material; in the stand-in, in every colorway."""
    opened = host.garment(garment)
    target = shape_of(opened, shape)
    find(opened.colorway(opened.current_colorway).materials.__getitem__, "material", material)
    target.material = material
    host.modified(opened)


def _kept(host: Host, garment: str, shape: int, key: str) -> Any:
    opened = host.garment(garment)
    shape_of(opened, shape)
    kept = opened.plugin_data.get(f"shape {shape}", {})
    if key not in kept:
        raise ApiError(Code.NOT_FOUND, f"nothing is stored for {key!r}")
    return kept[key]


def _keep(host: Host, garment: str, shape: int, key: str, data: Any) -> None:
    opened = host.garment(garment)
    shape_of(opened, shape)
    opened.plugin_data.setdefault(f"shape {shape}", {})[key] = data
    host.modified(opened)


@call
def shape_user_data_get(host: Host, garment: str, shape: int, identifier: str, key: str) -> list[str]:
    """The characters that a plugin stored."""
    return list(_kept(host, garment, shape, f"{identifier}/{key}"))


@call
def shape_user_data_set(host: Host, garment: str, shape: int, identifier: str, key: str, data: list[str]) -> None:
    """Store characters for a plugin."""
    if not all(isinstance(item, str) for item in data):
        raise ApiError(Code.INVALID_ARGUMENT, "the data must be characters")
    _keep(host, garment, shape, f"{identifier}/{key}", list(data))


@call
def shape_user_data_str_get(host: Host, garment: str, shape: int, key: str) -> str:
    return str(_kept(host, garment, shape, key))


@call
def shape_user_data_str_set(host: Host, garment: str, shape: int, key: str, data: str) -> None:
    _keep(host, garment, shape, key, data)
