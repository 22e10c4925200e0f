"""Calls about snapshots: drapes of the garment that can be loaded again."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from ..calls import call
from ..codes import ApiError, Code
from ..host import Host
from ..model import Garment, Snapshot
from .lookup import json_object

_OPTIONS = ("current_colorway_and_avatar", "saved_colorway_and_avatar")


@call
def garment_snapshot_ids_ex(host: Host, garment: str) -> list[str]:
    return [snapshot.id for snapshot in host.garment(garment).snapshots]


@call
def garment_snapshot_ids(host: Host, garment: str) -> list[str]:
    """Same as `GarmentSnapshotIdsEx`, in older versions too."""
    return garment_snapshot_ids_ex(host, garment)


@call
def snapshot_load(host: Host, garment: str, snapshot: str) -> None:
    """Load a snapshot and keep the current colorway."""
    _load(host, garment, snapshot, saved_colorway=False)


@call
def snapshot_load_ex(host: Host, garment: str, options: str, snapshot: str) -> None:
    """Load a snapshot with its saved colorway and avatar, or with the current ones."""
    option = json_object(options, "load_snapshot").get("load_snapshot_option", _OPTIONS[0])
    if option not in _OPTIONS:
        raise ApiError(Code.INVALID_ARGUMENT, f"unknown load_snapshot_option {option!r}")
    _load(host, garment, snapshot, saved_colorway=option == _OPTIONS[1])


def _load(host: Host, garment: str, key: str, *, saved_colorway: bool) -> None:
    opened = host.garment(garment)
    snapshot = _snapshot(opened, key)
    opened.current_size = snapshot.size
    opened.dressed = True
    if saved_colorway and snapshot.colorway in [colorway.id for colorway in opened.colorways]:
        opened.current_colorway = snapshot.colorway


def _snapshot(garment: Garment, key: str) -> Snapshot:
    for snapshot in garment.snapshots:
        if key == snapshot.id:
            return snapshot
    raise ApiError(Code.NOT_FOUND, f"no snapshot {key!r}")


@call
def snapshot_save(host: Host, garment: str, name: str) -> str:
    """Save the current drape as a snapshot."""
    opened = host.garment(garment)
    used = {snapshot.id for snapshot in opened.snapshots}
    number = next(f"snapshot-{n}" for n in range(1, len(used) + 2) if f"snapshot-{n}" not in used)
    date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    opened.snapshots.append(Snapshot(number, name, opened.current_colorway, opened.current_size, date))
    host.modified(opened)
    return number


@call
def snapshot_delete(host: Host, garment: str, snapshot: str) -> None:
    opened = host.garment(garment)
    opened.snapshots.remove(_snapshot(opened, snapshot))
    host.modified(opened)


@call
def snapshot_info_get(host: Host, garment: str, snapshot: str) -> str:
    """JSON with `created_date`, and `name` if the snapshot has one. A broken snapshot's is not JSON."""
    found = _snapshot(host.garment(garment), snapshot)
    named = {"name": found.name} if found.name else {}
    text = json.dumps({**named, "created_date": found.created_date})
    return text[: len(text) // 2] if found.broken else text
