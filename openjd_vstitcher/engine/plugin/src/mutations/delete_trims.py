"""DELETE_TRIMS: removes buttons, zippers and placed trims from every colorway. Artworks stay."""

import json

from ..api import Failure, Unproven, existing

CALLS = ("ButtonOneLocation", "ButtonDelete", "MaterialContainerIds", "MaterialContainerDelete", "MaterialGroup")
TRIMS = ("button", "zipper", "trim", "trim_edge", "trim3d")


def mutate(garment, instruction):
    """Delete buttons and containers of trims, then trim materials. Raises Unproven if trims stay in use."""
    bw = garment.bw
    lacking = [name for name in CALLS if not bw.has(name)]
    if lacking:
        raise Unproven("this version's API has no %s" % ", ".join(lacking))
    current = bw.ColorwayCurrentGet(garment.id)
    trims = _containers_of_trims(garment)
    deleted = 0
    for button, _ in existing(lambda i: bw.ButtonOneLocation(garment.id, i)):
        bw.ButtonDelete(garment.id, button)
        deleted += 1
    for colorway, _name in garment.colorways():
        bw.ColorwayCurrentSet(garment.id, colorway)
        for container in bw.MaterialContainerIds(garment.id):
            if container in trims[colorway]:
                bw.MaterialContainerDelete(garment.id, container)
                deleted += 1
    bw.ColorwayCurrentSet(garment.id, current)
    left = _delete_materials(garment)
    if left:
        raise Unproven("trims are still in use: %s" % ", ".join(sorted(left)))
    return deleted


def _containers_of_trims(garment):
    """The containers of each colorway that hold no artwork.

    No documented call tells the material of a container. If a colorway has artworks and other containers, each is
    deleted to see whether the number of artworks falls, and the garment is opened again.
    """
    bw, found, spoilt = garment.bw, {}, False
    for colorway, _name in garment.colorways():
        bw.ColorwayCurrentSet(garment.id, colorway)
        containers = list(bw.MaterialContainerIds(garment.id))
        artworks = _count_artworks(garment, colorway)
        found[colorway] = [] if artworks == len(containers) else containers
        if 0 < artworks < len(containers):
            spoilt = True
            found[colorway] = []
            for container in containers:
                bw.MaterialContainerDelete(garment.id, container)
                before, artworks = artworks, _count_artworks(garment, colorway)
                if artworks == before:
                    found[colorway].append(container)
    if spoilt:
        garment.reopen(garment.steps_before)
    return found


def _count_artworks(garment, colorway):
    """The number of visible artworks: only of artworks the API tells both surface and number."""
    bw, count = garment.bw, 0
    size = bw.SizeCurrentGet(garment.id)
    for material in bw.ColorwayMaterialIds(garment.id, colorway):
        try:
            bw.MaterialSurfaceAreaGet(garment.id, colorway, material, size)
            _width, _height, placed = bw.MaterialBoundingBoxGet(garment.id, colorway, material, size)
        except Failure:
            continue
        count += placed
    return count


def _delete_materials(garment):
    """Delete the groups of trims that are not in use. Returns the names of those in use."""
    bw, left = garment.bw, set()
    for colorway, _name in garment.colorways():
        used = bw.ColorwayUsedMaterialIds(garment.id, colorway)
        gone = set()
        for material in bw.ColorwayMaterialIds(garment.id, colorway):
            if material in gone or not bw.MaterialGroup(garment.id, colorway, material):
                continue
            group = json.loads(bw.MaterialGroupGet(garment.id, colorway, material))
            if group.get("type") not in TRIMS:
                continue
            if material in used:
                left.add(str(group.get("name", material)))
                continue
            items = bw.MaterialGroupItemIds(garment.id, colorway, material)
            for unused in [material, *items]:
                bw.MaterialDelete(garment.id, colorway, unused)
                gone.add(unused)
    return left
