"""DELETE_TRIMS: buttons, zips and other trims are removed. How trims are listed is unverified."""

import json


def mutate(garment, instruction):
    """Delete the clusters of all trims, and then their materials that nothing else uses."""
    bw = garment.bw
    for trim in garment.info("trims") or []:
        bw.ClusterDelete(garment.id, trim["cluster"])
    for colorway, _name in garment.colorways():
        used = set(bw.ColorwayUsedMaterialIds(garment.id, colorway))
        for material in bw.ColorwayMaterialIds(garment.id, colorway):
            kind = json.loads(bw.MaterialGet(garment.id, colorway, material)).get("type")
            if kind == "trim" and material not in used:
                bw.MaterialDelete(garment.id, colorway, material)
