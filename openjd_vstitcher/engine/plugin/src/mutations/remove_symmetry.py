"""REMOVE_SYMMETRY: makes symmetric pieces independent. The format of shape properties is unverified."""

import json


def mutate(garment, instruction):
    """Unlink every shape that is folded or mirrors another. The geometry does not change."""
    for shape in garment.shapes():
        if json.loads(garment.bw.ShapePropertiesGet(garment.id, shape)).get("symmetry"):
            garment.bw.ShapePropertiesSet(garment.id, shape, json.dumps({"symmetry": None}))
