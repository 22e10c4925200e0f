"""The snapshots of the garment."""

import json

from .api import Failure


def snapshots(garment):
    """Pairs of (id, information) with at least a `name`, which is the id for one without a name.

    Snapshots without a name, and ones whose information is not JSON, occur in real garments.
    """
    bw = garment.bw
    listed = bw.GarmentSnapshotIdsEx if bw.has("GarmentSnapshotIdsEx") else bw.GarmentSnapshotIds
    return [(i, _information(garment, i)) for i in listed(garment.id)]


def _information(garment, snapshot):
    try:
        found = json.loads(garment.bw.SnapshotInfoGet(garment.id, snapshot))
    except (Failure, ValueError):
        found = None
    information = found if isinstance(found, dict) else {}
    return dict(information, name=str(information.get("name") or snapshot))
