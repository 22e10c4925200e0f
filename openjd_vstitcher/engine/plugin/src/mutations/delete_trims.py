"""DELETE_TRIMS: removes buttons, zips and other trims. The format of the list of trims is unverified."""

import json


def mutate(garment, instruction):
    """Delete the clusters of all trims, then the trim materials that are no longer used."""
    bw = garment.bw
    for trim in garment.info("trims") or []:
        bw.ClusterDelete(garment.id, trim["cluster"])
    for colorway, _name in garment.colorways():
        used = set(bw.ColorwayUsedMaterialIds(garment.id, colorway))
        for material in bw.ColorwayMaterialIds(garment.id, colorway):
            kind = json.loads(bw.MaterialGet(garment.id, colorway, material)).get("type")
            if kind == "trim" and material not in used:
                bw.MaterialDelete(garment.id, colorway, material)
