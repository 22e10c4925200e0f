"""All data of a garment that documented calls provide, as JSON."""

import json

from .api import Failure, existing
from .snapshots import snapshots


def scan(garment):
    """The garment's shapes, sizes, colorways, materials, rulers and snapshots; lengths in cm."""
    return {
        "format": "openjd-vstitcher-scan",
        "version": 2,
        "units": "cm",
        "name": garment.name(),
        "sizes": sizes(garment),
        "shapes": shapes(garment),
        "colorways": colorways(garment),
        "snapshots": [dict(information, id=i) for i, information in snapshots(garment)],
        "rulers": rulers(garment),
    }


def sizes(garment):
    """The sizes, with the current and the base size marked."""
    bw = garment.bw
    current, base = bw.SizeCurrentGet(garment.id), bw.SizeBaseGet(garment.id)
    named = existing(lambda size: bw.SizeNameGet(garment.id, size))
    return [{"id": i, "name": name, "current": i == current, "base": i == base} for i, name in named]


def shapes(garment):
    """The shapes, with their properties as the engine gives them, and the seam allowances of their edges."""
    bw, found = garment.bw, []
    for shape, text in existing(lambda i: bw.ShapePropertiesGet(garment.id, i)):
        properties = json.loads(text)
        allowances = [
            {"edge": edge, "cm": bw.EdgeSeamAllowanceGet(garment.id, shape, edge)}
            for edge in bw.ShapeEdgeIds(garment.id, shape)
        ]
        name = properties.get("name", "")
        found.append({"id": shape, "name": name, "properties": properties, "seam_allowances": allowances})
    return found


def colorways(garment):
    """The colorways, with their colors and materials; amounts are for the current size."""
    bw, found = garment.bw, []
    size = bw.SizeCurrentGet(garment.id)
    for colorway, name in garment.colorways():
        used = set(bw.ColorwayUsedMaterialIds(garment.id, colorway))
        materials = [
            dict(material(garment, colorway, i, size), id=i, used=i in used)
            for i in bw.ColorwayMaterialIds(garment.id, colorway)
        ]
        colors = [
            {"r": color.r, "g": color.g, "b": color.b} for color in bw.ColorwayColorsInUseGet(garment.id, colorway)
        ]
        found.append({"id": colorway, "name": name, "colors": colors, "materials": materials})
    return found


def material(garment, colorway, material, size):
    """A material, or a group with its items; with the amounts that the engine gives for materials of its kind."""
    bw = garment.bw
    if bw.has("MaterialGroup") and bw.MaterialGroup(garment.id, colorway, material):
        group = json.loads(bw.MaterialGroupGet(garment.id, colorway, material))
        return {"group": group, "items": list(bw.MaterialGroupItemIds(garment.id, colorway, material))}
    try:
        found = {"properties": _without_folders(json.loads(bw.MaterialGet(garment.id, colorway, material)))}
    except Failure:
        # a group, in a version that cannot tell
        return {}
    try:
        found["surface_cm2"] = bw.MaterialSurfaceAreaGet(garment.id, colorway, material, size)
    except Failure:
        pass
    try:
        found["length_cm"], found["depth_cm"] = bw.MaterialLengthGet(garment.id, colorway, material, size)
    except Failure:
        pass
    try:
        width, height, count = bw.MaterialBoundingBoxGet(garment.id, colorway, material, size)
        found["bounding_box"] = {"width_cm": width, "height_cm": height, "count": count}
    except Failure:
        pass
    return found


def rulers(garment):
    """The rulers, with their length in every size."""
    bw, found = garment.bw, []
    listed = sizes(garment) or [{"id": bw.SizeCurrentGet(garment.id), "name": ""}]
    for ruler in bw.RulerIds(garment.id):
        lengths = [{"size": size["name"], "cm": bw.RulerLengthGet(garment.id, ruler, size["id"])} for size in listed]
        found.append({"id": ruler, "name": bw.RulerNameGet(garment.id, ruler), "lengths": lengths})
    return found


def _without_folders(value):
    """Keep only the file names of paths: folders differ between machines."""
    if isinstance(value, list):
        return [_without_folders(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: item.replace("\\", "/").split("/")[-1]
        if key in ("path", "image_path") and isinstance(item, str)
        else _without_folders(item)
        for key, item in value.items()
    }
