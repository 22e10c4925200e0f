"""Calls about group materials: zippers and buttons always are groups, whose items are materials."""

from __future__ import annotations

import json
from typing import Any

from .. import materials
from ..calls import call
from ..codes import ApiError, Code
from ..host import Host
from ..model import Garment
from .lookup import find, json_object


@call
def material_group(host: Host, garment: str, colorway: int, material: int) -> int:
    """1 if a material is a group, else 0."""
    return int(_found(host.garment(garment), colorway, material)["type"] in materials.GROUPS)


def _found(garment: Garment, colorway: int, material: int) -> dict[str, Any]:
    return find(find(garment.colorway, "colorway", colorway).materials.__getitem__, "material", material)


def _group(host: Host, garment: str, colorway: int, material: int) -> dict[str, Any]:
    found = _found(host.garment(garment), colorway, material)
    if found["type"] not in materials.GROUPS:
        raise ApiError(Code.WRONG_KIND, f"material {material} is not a group")
    return found


@call
def material_group_get(host: Host, garment: str, colorway: int, material: int) -> str:
    """JSON with the group's `name`, `type` and what `MaterialGroupUpdate` stored."""
    group = _group(host, garment, colorway, material)
    return json.dumps({**group.get("told", {}), "name": group["name"], "type": group["type"]})


@call
def material_group_update(host: Host, garment: str, colorway: int, material: int, text: str) -> None:
    group = _group(host, garment, colorway, material)
    told = json_object(text, "the group")
    group["told"] = {**group.get("told", {}), **told}
    group["name"] = str(told.get("name", group["name"]))
    host.modified(host.garment(garment))


@call
def material_group_item_ids(host: Host, garment: str, colorway: int, material: int) -> list[int]:
    return list(_group(host, garment, colorway, material).get("items", []))


def _item(host: Host, garment: str, colorway: int, material: int, item: int) -> dict[str, Any]:
    if item not in _group(host, garment, colorway, material).get("items", []):
        raise ApiError(Code.NOT_FOUND, f"material {item} is not an item of group {material}")
    return _found(host.garment(garment), colorway, item)


@call
def material_group_item_get(host: Host, garment: str, colorway: int, material: int, item: int) -> str:
    """JSON about an item; its keys are the stand-in's own."""
    return json.dumps({"name": _item(host, garment, colorway, material, item)["name"]})


@call
def material_group_item_add(host: Host, garment: str, colorway: int, material: int, item: int, text: str) -> None:
    """Make a material an item of a group."""
    group = _group(host, garment, colorway, material)
    json_object(text, "the item")
    if _found(host.garment(garment), colorway, item)["type"] in materials.GROUPS:
        raise ApiError(Code.WRONG_KIND, f"material {item} is a group itself")
    group.setdefault("items", []).append(item)
    host.modified(host.garment(garment))


@call
def material_group_item_remove(host: Host, garment: str, colorway: int, material: int, item: int) -> None:
    _item(host, garment, colorway, material, item)
    _group(host, garment, colorway, material)["items"].remove(item)
    host.modified(host.garment(garment))
