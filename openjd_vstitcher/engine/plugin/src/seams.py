"""Seam allowances that are the same on both halves of a piece. No documented call changes a seam allowance."""

import json

from .api import existing


def check_symmetric(garment):
    """Report the pieces whose seam allowances may differ between their halves: those with more than one allowance."""
    bw, uneven = garment.bw, []
    for shape, text in existing(lambda i: bw.ShapePropertiesGet(garment.id, i)):
        edges = bw.ShapeEdgeIds(garment.id, shape)
        if len({bw.EdgeSeamAllowanceGet(garment.id, shape, edge) for edge in edges}) > 1:
            uneven.append(str(json.loads(text).get("name", shape)))
    if uneven:
        reason = "no documented call changes the seam allowances of %s" % ", ".join(uneven)
        garment.tell_unproven("set_seam_allowance_symmetrically", reason)
