"""The job's artwork on the garment's materials.

The rule, in this order, in every colorway:
1. each replacement goes to the material that has its name (without a name: its file's name); it must exist;
2. each file of the artwork bundle goes to the material that has the file's name; files that fit none are left out;
3. the artwork file goes to the material that has the file's name, else to the main fabric: of the materials that are
   no trim, seam or artwork the one with the largest surface.
Names are compared without case, and with "-", "_" and " " alike. An image becomes the material's texture, at the size
that the old one had; a .u3m is imported and takes the material's place on its shapes. The form of a material's JSON is
unverified.
"""

import json
import os

from .api import Failure

IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
MATERIALS = (".u3m", ".u3ma")
WIDTH_CM = 20.0


def apply(garment, artwork):
    """Apply artwork (`file`, `bundle_dir`, `replacements`) to an open garment; what went where, as (material, file)."""
    done = []
    for colorway, _name in garment.colorways():
        materials = _materials(garment, colorway)
        placed = _placed(garment, colorway, materials, artwork)
        for material, path in placed:
            _put(garment, colorway, material, materials[material], path)
        done = [(materials[material].get("name", ""), os.path.basename(path)) for material, path in placed]
    return done


def _materials(garment, colorway):
    ids = garment.bw.ColorwayMaterialIds(garment.id, colorway)
    return {i: json.loads(garment.bw.MaterialGet(garment.id, colorway, i)) for i in ids}


def _placed(garment, colorway, materials, artwork):
    by_name = {}
    for i in sorted(materials, reverse=True):
        by_name[_plain(materials[i].get("name", ""))] = i
    placed = []
    for replacement in artwork.get("replacements") or []:
        path = replacement["path"]
        name = replacement.get("name") or _stem(path)
        if not path:
            raise Failure("artwork for %r was not staged" % name)
        if _plain(name) not in by_name:
            known = ", ".join(sorted(material.get("name", "") for material in materials.values()))
            raise Failure("artwork for %r: the garment has no such material; it has: %s" % (name, known))
        placed.append((by_name[_plain(name)], path))
    if artwork.get("bundle_dir"):
        folder = artwork["bundle_dir"]
        fitting = [file for file in sorted(os.listdir(folder)) if file.lower().endswith(IMAGES + MATERIALS)]
        placed += [
            (by_name[_plain(_stem(file))], os.path.join(folder, file))
            for file in fitting
            if _plain(_stem(file)) in by_name
        ]
    if artwork.get("file"):
        path = artwork["file"]
        material = by_name.get(_plain(_stem(path))) or _main_fabric(garment, colorway, materials)
        placed.append((material, path))
    return placed


def _main_fabric(garment, colorway, materials):
    size = garment.bw.SizeCurrentGet(garment.id)
    surfaces = [
        (garment.bw.MaterialSurfaceAreaGet(garment.id, colorway, i, size), -i)
        for i in sorted(materials)
        if materials[i].get("type", "fabric") == "fabric"
    ]
    if not surfaces:
        raise Failure("the garment has no fabric to put the artwork on")
    return -max(surfaces)[1]


def _put(garment, colorway, material, properties, path):
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


def _plain(name):
    return name.lower().replace("-", " ").replace("_", " ").strip()
