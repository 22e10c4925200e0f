"""All data of a garment that the API provides, as JSON. The keys of GarmentInfoGetEx are unverified."""

import json


def scan(garment):
    """The garment's shapes, sizes, colorways, materials, rulers and their details; lengths in cm."""
    return {
        "format": "openjd-vstitcher-scan",
        "version": 1,
        "units": "cm",
        "name": garment.name(),
        "bounds": garment.info("bounds"),
        "sizes": garment.info("sizes") or [],
        "shapes": shapes(garment),
        "clusters": garment.info("clusters") or [],
        "trims": garment.info("trims") or [],
        "symmetry": garment.info("symmetry") or [],
        "stitches": garment.info("stitches") or [],
        "colorways": colorways(garment),
        "snapshots": snapshots(garment),
        "rulers": rulers(garment),
    }


def shapes(garment):
    """The shapes, with their properties and the seam allowances of their edges."""
    bw, found = garment.bw, []
    for shape in garment.info("shapes") or []:
        properties = json.loads(bw.ShapePropertiesGet(garment.id, shape["id"]))
        allowances = [
            {"edge": edge, "cm": bw.EdgeSeamAllowanceGet(garment.id, shape["id"], edge)}
            for edge in bw.ShapeEdgeIds(garment.id, shape["id"])
        ]
        found.append(dict(shape, properties=properties, seam_allowances=allowances))
    return found


def colorways(garment):
    """The colorways, with their colors and materials; amounts are for the current size."""
    bw, found = garment.bw, []
    size = bw.SizeCurrentGet(garment.id)
    for colorway, name in garment.colorways():
        used = set(bw.ColorwayUsedMaterialIds(garment.id, colorway))
        materials = []
        for material in bw.ColorwayMaterialIds(garment.id, colorway):
            properties = json.loads(bw.MaterialGet(garment.id, colorway, material))
            _strip_texture_folder(properties)
            materials.append(
                {
                    "id": material,
                    "used": material in used,
                    "properties": properties,
                    "surface_cm2": bw.MaterialSurfaceAreaGet(garment.id, colorway, material, size),
                    "length_cm": bw.MaterialLengthGet(garment.id, colorway, material, size),
                    "bounding_box": json.loads(bw.MaterialBoundingBoxGet(garment.id, colorway, material, size)),
                }
            )
        colors = json.loads(bw.ColorwayColorsInUseGet(garment.id, colorway))
        found.append({"id": colorway, "name": name, "colors": colors, "materials": materials})
    return found


def snapshots(garment):
    """The snapshots, with their information."""
    ids = garment.bw.GarmentSnapshotIdsEx(garment.id)
    return [dict(json.loads(garment.bw.SnapshotInfoGet(garment.id, i)), id=i) for i in ids]


def rulers(garment):
    """The rulers, with their length in every size."""
    bw, found = garment.bw, []
    details = {ruler["id"]: ruler for ruler in garment.info("rulers") or []}
    sizes = garment.info("sizes") or [{"id": bw.SizeCurrentGet(garment.id), "name": ""}]
    for ruler in bw.RulerIds(garment.id):
        lengths = []
        for size in sizes:
            length = bw.RulerLengthGet(garment.id, ruler, size["id"])
            lengths.append({"size": size["name"], "cm": length})
        name = bw.RulerNameGet(garment.id, ruler)
        found.append(dict(details.get(ruler, {}), id=ruler, name=name, lengths=lengths))
    return found


def _strip_texture_folder(properties):
    """Keep only the file name of the texture: its folder differs between machines."""
    texture = properties.get("texture")
    if isinstance(texture, dict) and texture.get("path"):
        texture["path"] = texture["path"].replace("\\", "/").split("/")[-1]
