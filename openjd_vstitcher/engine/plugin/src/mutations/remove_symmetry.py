"""REMOVE_SYMMETRY: symmetric pieces become independent pieces. The form of a shape's properties is unverified."""

import json


def mutate(garment, instruction):
    """Unlink every shape that is folded or mirrors another one; the geometry stays."""
    for shape in garment.shapes():
        if json.loads(garment.bw.ShapePropertiesGet(garment.id, shape)).get("symmetry"):
            garment.bw.ShapePropertiesSet(garment.id, shape, json.dumps({"symmetry": None}))
