"""REMOVE_SYMMETRY: makes symmetric pieces independent. No documented call does this.

A piece's properties are read, written without `symmetry`, and read again. That they have this key is one user's report.
"""

import json

from ..api import Unproven, existing


def mutate(garment, instruction):
    """Unlink every symmetric shape. Raises Unproven if one stays symmetric."""
    bw = garment.bw
    symmetric = [(shape, found) for shape, found in _properties(garment) if found.get("symmetry")]
    for shape, found in symmetric:
        bw.ShapePropertiesSet(garment.id, shape, json.dumps(dict(found, symmetry=None)))
    left = [str(found.get("name", shape)) for shape, found in _properties(garment) if found.get("symmetry")]
    if left:
        raise Unproven("the engine keeps the symmetry of %s" % ", ".join(left))
    return len(symmetric)


def _properties(garment):
    listed = existing(lambda shape: garment.bw.ShapePropertiesGet(garment.id, shape))
    return [(shape, json.loads(text)) for shape, text in listed]
