"""Applies the job's artwork to the garment's materials.

In this order, in every colorway:
1. each replacement goes to the material with its name (without a name: its file's name), which must exist;
2. each file in the artwork bundle goes to the material with the file's name; files without such a material are ignored;
3. the artwork file goes to the material with the file's name, else to the main fabric: the material with the largest
   surface that is not a trim, seam or artwork.
Names are compared ignoring case, and "-", "_" and " " are equal. An image becomes the material's texture, at the size
of the previous one; a .u3m is imported and replaces the material on its shapes. The JSON format of materials is
unverified.
"""

import json
import os

from .api import Failure

IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
MATERIALS = (".u3m", ".u3ma")
WIDTH_CM = 20.0


def apply(garment, artwork):
    """Apply artwork (`file`, `bundle_dir`, `replacements`) to an open garment. Returns a list of (material, file)."""
    applied = []
    for colorway, _name in garment.colorways():
        materials = _materials(garment, colorway)
        assigned = _assign(garment, colorway, materials, artwork)
        for material, path in assigned:
            _apply_file(garment, colorway, material, materials[material], path)
        applied = [(materials[material].get("name", ""), os.path.basename(path)) for material, path in assigned]
    return applied


def _materials(garment, colorway):
    ids = garment.bw.ColorwayMaterialIds(garment.id, colorway)
    return {i: json.loads(garment.bw.MaterialGet(garment.id, colorway, i)) for i in ids}


def _assign(garment, colorway, materials, artwork):
    by_name = {}
    for i in sorted(materials, reverse=True):
        by_name[_normalized(materials[i].get("name", ""))] = i
    assigned = []
    for replacement in artwork.get("replacements") or []:
        path = replacement["path"]
        name = replacement.get("name") or _stem(path)
        if not path:
            raise Failure("artwork for %r was not staged" % name)
        if _normalized(name) not in by_name:
            known = ", ".join(sorted(material.get("name", "") for material in materials.values()))
            raise Failure("artwork for %r: the garment has no such material; it has: %s" % (name, known))
        assigned.append((by_name[_normalized(name)], path))
    if artwork.get("bundle_dir"):
        folder = artwork["bundle_dir"]
        artwork_files = [file for file in sorted(os.listdir(folder)) if file.lower().endswith(IMAGES + MATERIALS)]
        assigned += [
            (by_name[_normalized(_stem(file))], os.path.join(folder, file))
            for file in artwork_files
            if _normalized(_stem(file)) in by_name
        ]
    if artwork.get("file"):
        path = artwork["file"]
        material = by_name.get(_normalized(_stem(path))) or _main_fabric(garment, colorway, materials)
        assigned.append((material, path))
    return assigned


def _main_fabric(garment, colorway, materials):
    size = garment.bw.SizeCurrentGet(garment.id)
    surfaces = [
        (garment.bw.MaterialSurfaceAreaGet(garment.id, colorway, i, size), -i)
        for i in sorted(materials)
        if materials[i].get("type", "fabric") == "fabric"
    ]
    if not surfaces:
        raise Failure("the garment has no fabric to apply the artwork to")
    return -max(surfaces)[1]


def _apply_file(garment, colorway, material, properties, path):
    bw = garment.bw
    if path.lower().endswith(MATERIALS):
        imported = bw.MaterialImport(garment.id, colorway, path)
        for shape in garment.shapes():
            if json.loads(bw.ShapePropertiesGet(garment.id, shape)).get("material") == material:
                bw.ShapeMaterialIdSet(garment.id, shape, imported[0])
        return
    if not path.lower().endswith(IMAGES):
        raise Failure("%s is neither an image nor a .u3m" % os.path.basename(path))
    texture = dict(properties.get("texture") or {"width_cm": WIDTH_CM})
    texture["path"] = path
    texture.pop("height_cm", None)
    bw.MaterialUpdate(garment.id, colorway, material, json.dumps({"texture": texture}))


def _stem(path):
    return os.path.splitext(os.path.basename(path))[0]


def _normalized(name):
    return name.lower().replace("-", " ").replace("_", " ").strip()
