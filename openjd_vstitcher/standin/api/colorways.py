"""Calls about colorways, colours and materials."""

from __future__ import annotations

import copy
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

from .. import geometry, materials
from ..calls import NewId, call
from ..codes import ApiError, Code
from ..host import Host
from ..model import Colorway, Garment
from .lookup import find, free_id, json_object

_IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
_MAX_U3M = 256 * 2**20


@call
def colorway_current_get(host: Host, garment: str) -> int:
    return host.garment(garment).current_colorway


@call
def colorway_current_set(host: Host, garment: str, colorway: int) -> int:
    opened = host.garment(garment)
    opened.current_colorway = find(opened.colorway, "colorway", colorway).id
    return 1


@call
def colorway_name_get(host: Host, garment: str, colorway: int) -> str:
    return find(host.garment(garment).colorway, "colorway", colorway).name


@call
def colorway_name_set(host: Host, garment: str, colorway: int, name: str) -> int:
    opened = host.garment(garment)
    find(opened.colorway, "colorway", colorway).name = name
    host.modified(opened)
    return 1


@call
def colorway_clone(host: Host, garment: str, colorway: int) -> NewId:
    """Append a copy of a colorway."""
    opened = host.garment(garment)
    source = find(opened.colorway, "colorway", colorway)
    clone = Colorway(free_id([c.id for c in opened.colorways]), f"{source.name} copy", copy.deepcopy(source.materials))
    opened.colorways.append(clone)
    host.modified(opened)
    return NewId(clone.id)


@call
def colorway_delete(host: Host, garment: str, colorway: int) -> int:
    """Delete a colorway other than the current one."""
    opened = host.garment(garment)
    target = find(opened.colorway, "colorway", colorway)
    if target.id == opened.current_colorway:
        raise ApiError(Code.IN_USE, "the current colorway cannot be deleted")
    opened.colorways.remove(target)
    host.modified(opened)
    return 1


@call
def colorway_material_ids(host: Host, garment: str, colorway: int) -> list[int]:
    return list(find(host.garment(garment).colorway, "colorway", colorway).materials)


@call
def colorway_used_material_ids(host: Host, garment: str, colorway: int) -> list[int]:
    """The materials of shapes, trims and edges, and artworks placed on a shape."""
    opened = host.garment(garment)
    used = _used(opened)
    listed = find(opened.colorway, "colorway", colorway).materials
    return [i for i, m in listed.items() if i in used or m.get("placements")]


def _used(garment: Garment) -> set[int]:
    used = {shape.material for shape in garment.shapes}
    return used | {edge.material for shape in garment.shapes for edge in shape.edges if edge.material is not None}


@call
def colorway_colors_in_use_get(host: Host, garment: str, colorway: int) -> str:
    """A JSON list of `#rrggbb`."""
    opened = host.garment(garment)
    used = _used(opened)
    listed = find(opened.colorway, "colorway", colorway).materials
    return json.dumps(sorted({str(m["color"]) for i, m in listed.items() if i in used}))


@call
def colorway_colors_in_use_update(host: Host, garment: str, colorway: int, source: str, target: str) -> int:
    """Replace a colour everywhere in a colorway."""
    opened = host.garment(garment)
    _check({"color": target})
    matching = [
        m
        for m in find(opened.colorway, "colorway", colorway).materials.values()
        if str(m["color"]).lower() == source.lower()
    ]
    if not matching:
        raise ApiError(Code.NOT_FOUND, f"no material has the colour {source}")
    for material in matching:
        material["color"] = target.lower()
    host.modified(opened)
    return 1


def _material(garment: Garment, colorway: int, material: int) -> dict[str, Any]:
    return find(find(garment.colorway, "colorway", colorway).materials.__getitem__, "material", material)


@call
def material_get(host: Host, garment: str, colorway: int, material: int) -> str:
    """A material as JSON; docs/standin.md lists the keys."""
    return json.dumps(_material(host.garment(garment), colorway, material))


@call
def material_update(host: Host, garment: str, colorway: int, material: int, changes: str) -> int:
    """Update keys of a material in one colorway."""
    opened = host.garment(garment)
    target = _material(opened, colorway, material)
    changed = json_object(changes, "the material")
    _check({**target, **changed})
    if changed.get("texture") is not None:
        from ..textures import check_picture

        check_picture(Path(changed["texture"]["path"]))
    target.update(changed)
    host.modified(opened)
    return 1


@call
def material_import(host: Host, garment: str, colorway: int, path: str) -> list[int]:
    """Add a material from a `.u3m` (a zip or JSON) or a picture to all colorways, with the same id."""
    opened = host.garment(garment)
    find(opened.colorway, "colorway", colorway)
    material = {**copy.deepcopy(materials.DEFAULTS), **_read_material(host, Path(path))}
    new = free_id([i for c in opened.colorways for i in c.materials])
    for each in opened.colorways:
        each.materials[new] = copy.deepcopy(material)
    host.modified(opened)
    return [new]


def _read_material(host: Host, path: Path) -> dict[str, Any]:
    if path.suffix.lower() in _IMAGES:
        if not path.is_file():
            raise ApiError(Code.CANNOT_READ, f"{path}: no such file")
        texture = {"path": str(path.resolve()), "width_cm": 20.0}
        return {"name": path.stem, "type": "artwork", "color": "#ffffff", "texture": texture}
    try:
        if zipfile.is_zipfile(path):
            folder = host.scratch() / f"u3m-{len(list(host.scratch().iterdir()))}"
            with zipfile.ZipFile(path) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > _MAX_U3M:
                    raise ApiError(Code.CANNOT_READ, f"{path}: decompresses to more than {_MAX_U3M} bytes")
                archive.extractall(folder)
            source = next(iter(sorted([*folder.rglob("*.u3m"), *folder.rglob("*.json")])))
            document = json_object(source.read_text(encoding="utf-8"), str(path))
            picture = next((f for f in sorted(folder.rglob("*")) if f.suffix.lower() in _IMAGES), None)
        else:
            document, picture = json_object(path.read_text(encoding="utf-8"), str(path)), None
    except (OSError, UnicodeDecodeError, StopIteration, zipfile.BadZipFile, NotImplementedError) as error:
        raise ApiError(Code.CANNOT_READ, f"{path}: {error!r}") from error
    material = document.get("material", document)
    if not isinstance(material, dict):
        raise ApiError(Code.INVALID_JSON, f"{path}: its material is not a JSON object")
    read = {key: material[key] for key in materials.DEFAULTS if key in material and key != "texture"}
    if picture is not None:
        read["texture"] = {"path": str(picture), "width_cm": 20.0}
    _check(read)
    return {"name": path.stem, **read}


@call
def material_export(host: Host, garment: str, colorway: int, material: int, path: str) -> int:
    """Write a material as `.u3m`: a zip with its JSON and texture."""
    source = _material(host.garment(garment), colorway, material)
    try:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(zipfile.ZipInfo("material.u3m"), json.dumps({"material": source}, indent=1))
            texture = (source.get("texture") or {}).get("path")
            if texture:
                with Path(texture).open("rb") as picture, archive.open(Path(texture).name, "w") as entry:
                    shutil.copyfileobj(picture, entry)
    except OSError as error:
        raise ApiError(Code.CANNOT_WRITE, f"{path}: {error}") from error
    return 1


@call
def material_delete(host: Host, garment: str, colorway: int, material: int) -> int:
    """Delete a material from a colorway unless a shape uses it."""
    opened = host.garment(garment)
    _material(opened, colorway, material)
    if material in _used(opened):
        raise ApiError(Code.IN_USE, f"material {material} is in use")
    del opened.colorway(colorway).materials[material]
    host.modified(opened)
    return 1


@call
def material_clone(host: Host, garment: str, colorway: int, material: int, destination: int) -> NewId:
    """Copy a material to another colorway under a new id."""
    opened = host.garment(garment)
    source = _material(opened, colorway, material)
    target = find(opened.colorway, "colorway", destination)
    new = free_id([i for c in opened.colorways for i in c.materials])
    target.materials[new] = copy.deepcopy(source)
    host.modified(opened)
    return NewId(new)


@call
def material_surface_area_get(host: Host, garment: str, colorway: int, material: int, size: int) -> float:
    """Area of all shapes with this material in a size, without allowances, in cm²."""
    opened = host.garment(garment)
    _material(opened, colorway, material)
    factors = find(opened.size, "size", size).scale
    total = sum(
        abs(geometry.area(geometry.scale(shape.outline(), shape.origin, factors)))
        for shape in opened.pieces()
        if shape.material == material and shape.edges
    )
    return round(total, 4)


@call
def material_length_get(host: Host, garment: str, colorway: int, material: int, size: int) -> float:
    """Total length of all edges with this material in a size, in cm."""
    opened = host.garment(garment)
    _material(opened, colorway, material)
    factors = find(opened.size, "size", size).scale
    total = sum(
        edge.length(shape.origin, factors)
        for shape in opened.pieces()
        for edge in shape.edges
        if edge.material == material
    )
    return round(total, 4)


@call
def material_bounding_box_get(host: Host, garment: str, colorway: int, material: int, size: int) -> str:
    """JSON with `width` and `height` in cm of all shapes with this material, as laid out in the pattern."""
    opened = host.garment(garment)
    _material(opened, colorway, material)
    factors = find(opened.size, "size", size).scale
    points = [
        point
        for shape in opened.pieces()
        if shape.material == material and shape.edges
        for point in geometry.scale(shape.outline(), shape.origin, factors)
    ]
    low_x, low_y, high_x, high_y = geometry.bounds(points) if points else (0.0, 0.0, 0.0, 0.0)
    return json.dumps({"width": round(high_x - low_x, 4), "height": round(high_y - low_y, 4)})


def _check(material: dict[str, Any]) -> None:
    try:
        materials.check_material(material)
    except (ValueError, TypeError) as error:
        raise ApiError(Code.INVALID_ARGUMENT, str(error)) from None
