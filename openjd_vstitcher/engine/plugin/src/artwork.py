"""Applies the job's artwork to the garment's materials.

In this order, in every colorway:
1. each replacement goes to the material with its name (without a name: its file's name), which must exist;
2. each file in the artwork bundle goes to the material with the file's name; files without such a material are ignored;
3. the artwork file goes to the material with the file's name, else to the main fabric: the material with the largest
   surface that is not an artwork.
Names are compared ignoring case, and "-", "_" and " " are equal. The name of a group stands for its items. An image
becomes the material's texture, at the size of the previous one; a .u3m or .u3ma replaces the material.
"""

import json
import os

from . import materials
from .api import Failure

IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")


def apply(garment, artwork):
    """Apply artwork (`file`, `bundle_dir`, `replacements`) to an open garment. Returns a list of (material, file)."""
    applied = []
    for colorway, _name in garment.colorways():
        listed = _materials(garment, colorway)
        assigned = _assign(garment, colorway, listed, artwork)
        applied = []
        for material, path in assigned:
            name = materials.name_of(listed[material])
            if not materials.replace(garment, colorway, material, path):
                garment.tell_unproven("artwork %s" % os.path.basename(path), "the engine left %r as it was" % name)
            applied.append((name, os.path.basename(path)))
    return applied


def _materials(garment, colorway):
    """The single materials of a colorway by id, as JSON data. A group is left out; its items are in the colorway."""
    found = {}
    bw = garment.bw
    for material in bw.ColorwayMaterialIds(garment.id, colorway):
        if bw.has("MaterialGroup") and bw.MaterialGroup(garment.id, colorway, material):
            for item in bw.MaterialGroupItemIds(garment.id, colorway, material):
                found[item] = json.loads(bw.MaterialGet(garment.id, colorway, item))
            continue
        try:
            found[material] = json.loads(bw.MaterialGet(garment.id, colorway, material))
        except Failure:
            # a group, in a version that cannot tell
            continue
    return found


def _named(garment, colorway, listed):
    """The ids of materials by normalized name; a group's name stands for its items."""
    bw, by_name = garment.bw, {}
    for i in sorted(listed, reverse=True):
        by_name[_normalized(materials.name_of(listed[i]))] = [i]
    if bw.has("MaterialGroup"):
        for i in bw.ColorwayMaterialIds(garment.id, colorway):
            if bw.MaterialGroup(garment.id, colorway, i):
                name = json.loads(bw.MaterialGroupGet(garment.id, colorway, i)).get("name", "")
                by_name.setdefault(_normalized(name), list(bw.MaterialGroupItemIds(garment.id, colorway, i)))
    return by_name


def _assign(garment, colorway, listed, artwork):
    by_name = _named(garment, colorway, listed)
    assigned = []
    for replacement in artwork.get("replacements") or []:
        path = replacement["path"]
        name = replacement.get("name") or _stem(path)
        if not path:
            raise Failure("artwork for %r was not staged" % name)
        if _normalized(name) not in by_name:
            known = ", ".join(sorted(materials.name_of(material) for material in listed.values()))
            raise Failure("artwork for %r: the garment has no such material; it has: %s" % (name, known))
        assigned += [(material, path) for material in by_name[_normalized(name)]]
    if artwork.get("bundle_dir"):
        folder = artwork["bundle_dir"]
        for file in sorted(os.listdir(folder)):
            if file.lower().endswith(IMAGES + materials.FILES):
                path = os.path.join(folder, file)
                assigned += [(material, path) for material in by_name.get(_normalized(_stem(file)), [])]
    if artwork.get("file"):
        path = artwork["file"]
        chosen = by_name.get(_normalized(_stem(path))) or [_main_fabric(garment, colorway, listed)]
        assigned += [(material, path) for material in chosen]
    for _material, path in assigned:
        if not path.lower().endswith(IMAGES + materials.FILES):
            raise Failure("%s is neither an image nor a .u3m or .u3ma" % os.path.basename(path))
    return assigned


def _main_fabric(garment, colorway, listed):
    size = garment.bw.SizeCurrentGet(garment.id)
    surfaces = []
    for i in sorted(listed):
        if materials.is_artwork(listed[i]):
            continue
        try:
            surfaces.append((garment.bw.MaterialSurfaceAreaGet(garment.id, colorway, i, size), -i))
        except Failure:
            # the engine tells the surface of fabrics only
            continue
    if not surfaces:
        raise Failure("the garment has no fabric to apply the artwork to")
    return -max(surfaces)[1]


def _stem(path):
    return os.path.splitext(os.path.basename(path))[0]


def _normalized(name):
    return name.lower().replace("-", " ").replace("_", " ").strip()
