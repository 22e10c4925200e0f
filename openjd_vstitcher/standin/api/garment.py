"""Calls about garments as a whole: files, information, snapshots, sizes, avatars."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import materials
from ..calls import call
from ..codes import ApiError, Code
from ..host import GARMENT_OPEN, GARMENT_SAVED, Host
from ..loading import open_file
from ..model import Colorway, Garment, Shape, Size, Snapshot
from .lookup import find, json_object


@call
def garment_id(host: Host) -> str:
    """The id of the current garment, "" if none is open."""
    return host.current


@call
def garment_create(host: Host, name: str) -> str:
    """Create an empty garment."""
    material = {**materials.DEFAULTS}
    return _opened(host, Garment(name, [], [Colorway(1, "Default", {1: material})], sizes=[Size(1, "M")]))


@call
def garment_open(host: Host, path: str) -> str:
    """Open a garment file and make it the current garment."""
    garment = open_file(Path(path))
    garment.path = path
    return _opened(host, garment)


@call
def garment_import(host: Host, path: str, settings: str) -> str:
    """Same as `GarmentOpen`; the settings must be empty or a JSON object, and are ignored."""
    if settings:
        json_object(settings, "settings")
    garment = open_file(Path(path))
    garment.path = path
    return _opened(host, garment)


def _opened(host: Host, garment: Garment) -> str:
    garment.id = f"garment-{len(host.garments) + 1}-{garment.name}"
    while garment.id in host.garments:
        garment.id += "'"
    host.garments[garment.id] = garment
    host.current = garment.id
    host.fire(GARMENT_OPEN, garment.id)
    return garment.id


@call
def garment_save(host: Host, garment: str) -> int:
    """Save the garment to its `.bw` file."""
    opened = host.garment(garment)
    return _save(host, opened, opened.path)


@call
def garment_save_as(host: Host, garment: str, path: str) -> int:
    """Save the garment to a `.bw` file, which becomes its file."""
    return _save(host, host.garment(garment), path)


def _save(host: Host, garment: Garment, path: str) -> int:
    from ..bw_format import write_bw

    if Path(path).suffix.lower() != ".bw":
        raise ApiError(Code.NOT_SUPPORTED, f"{path}: the stand-in can only save .bw files")
    try:
        write_bw(garment, Path(path))
    except OSError as error:
        raise ApiError(Code.CANNOT_WRITE, str(error)) from error
    garment.path, garment.modified = path, False
    host.fire(GARMENT_SAVED, garment.id)
    return 1


@call
def garment_close(host: Host, garment: str, force: bool) -> int:
    """Close a garment; `force` discards unsaved changes."""
    if host.garment(garment).modified and not force:
        raise ApiError(Code.UNSAVED, "the garment has unsaved changes")
    del host.garments[garment]
    host.current = next(reversed(host.garments), "")
    return 1


@call
def garment_dress(host: Host, garment: str) -> int:
    """Put the garment on the avatar, as renders require."""
    host.garment(garment).dressed = True
    return 1


@call
def garment_colorway_ids(host: Host, garment: str) -> list[int]:
    return [colorway.id for colorway in host.garment(garment).colorways]


@call
def garment_snapshot_ids_ex(host: Host, garment: str) -> list[str]:
    return [snapshot.id for snapshot in host.garment(garment).snapshots]


@call
def garment_snapshot_ids(host: Host, garment: str) -> list[int]:
    """The snapshots as integers from 1, in the order of `GarmentSnapshotIdsEx`."""
    return list(range(1, len(host.garment(garment).snapshots) + 1))


@call
def garment_info_get_ex(host: Host, garment: str, key: str) -> str:
    """The information stored under a key, as JSON, or "" if the key is unknown. docs/standin.md lists the keys."""
    opened = host.garment(garment)
    if key in _INFO:
        return json.dumps(_INFO[key](opened))
    if key == "bounds":
        return json.dumps(_bounds(opened))
    return opened.info.get(key, "")


@call
def garment_info_set_ex(host: Host, garment: str, key: str, text: str) -> int:
    """Store JSON text under a custom key."""
    opened = host.garment(garment)
    if key in _INFO or key == "bounds":
        raise ApiError(Code.INVALID_ARGUMENT, f"{key!r} cannot be set")
    try:
        json.loads(text)
    except ValueError as error:
        raise ApiError(Code.INVALID_JSON, f"the value is not valid JSON: {error}") from None
    opened.info[key] = text
    host.modified(opened)
    return 1


@call
def garment_techpack_export(host: Host, garment: str, preset_name: str, output_folder: str) -> int:
    """Write a tech pack to a folder."""
    from ..techpack import export_techpack

    opened = host.garment(garment)
    if not preset_name:
        raise ApiError(Code.INVALID_ARGUMENT, "a tech pack needs a preset name")
    export_techpack(host, opened, preset_name, Path(output_folder))
    return 1


@call
def snapshot_load(host: Host, garment: str, snapshot: Any) -> int:
    """Load a snapshot and keep the current colorway."""
    _load(host, garment, snapshot, saved_colorway=False)
    return 1


@call
def snapshot_load_ex(host: Host, garment: str, options: str, snapshot: Any) -> int:
    """Load a snapshot with its saved colorway and avatar, or with the current ones."""
    option = json_object(options, "load_snapshot").get("load_snapshot_option", "current_colorway_and_avatar")
    if option not in ("current_colorway_and_avatar", "saved_colorway_and_avatar"):
        raise ApiError(Code.INVALID_ARGUMENT, f"unknown load_snapshot_option {option!r}")
    _load(host, garment, snapshot, saved_colorway=option == "saved_colorway_and_avatar")
    return 1


def _load(host: Host, garment: str, key: Any, *, saved_colorway: bool) -> None:
    opened = host.garment(garment)
    snapshot = _snapshot(opened, key)
    opened.current_size = snapshot.size
    opened.dressed = True
    if saved_colorway and snapshot.colorway in garment_colorway_ids(host, garment):
        opened.current_colorway = snapshot.colorway


def _snapshot(garment: Garment, key: Any) -> Snapshot:
    for number, snapshot in enumerate(garment.snapshots, start=1):
        if key in (snapshot.id, number):
            return snapshot
    raise ApiError(Code.NOT_FOUND, f"no snapshot {key!r}")


@call
def snapshot_save(host: Host, garment: str, name: str) -> str:
    """Save the current state of the garment as a snapshot."""
    opened = host.garment(garment)
    number = len(opened.snapshots) + 1
    snapshot = Snapshot(f"snapshot-{number}", name, opened.current_colorway, opened.current_size)
    opened.snapshots.append(snapshot)
    host.modified(opened)
    return snapshot.id


@call
def snapshot_info_get(host: Host, garment: str, snapshot: Any) -> str:
    """JSON with `name`, `created_date`, `colorway` and `size`."""
    info = asdict(_snapshot(host.garment(garment), snapshot))
    del info["id"]
    return json.dumps(info)


@call
def size_current_get(host: Host, garment: str) -> int:
    return host.garment(garment).current_size


@call
def size_add(host: Host, garment: str, name: str, after: int) -> int:
    """Add a size after another one, with the same grading."""
    opened = host.garment(garment)
    before = find(opened.size, "size", after)
    size = Size(max(s.id for s in opened.sizes) + 1, name, before.scale)
    opened.sizes.insert(opened.sizes.index(before) + 1, size)
    host.modified(opened)
    return size.id


@call
def size_name_set(host: Host, garment: str, size: int, name: str) -> int:
    opened = host.garment(garment)
    find(opened.size, "size", size).name = name
    host.modified(opened)
    return 1


@call
def avatar_current_set(host: Host, avatar: str) -> int:
    """Select the avatar; the stand-in only has the garment's own."""
    if avatar not in ("", "default"):
        raise ApiError(Code.NOT_FOUND, f"no avatar {avatar!r}")
    return 1


def _symmetry(garment: Garment) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for shape in garment.shapes:
        if shape.fold:
            entries.append({"kind": "self", "shape": shape.id, "axis": shape.fold})
        if shape.parent is not None:
            entries.append({"kind": "mirror", "shape": shape.id, "parent": shape.parent})
    return entries


def _trims(garment: Garment) -> list[dict[str, Any]]:
    clusters = {shape: c.id for c in garment.clusters if c.kind == "trim" for shape in c.shapes}
    return [
        {
            "id": shape.id,
            "name": shape.name,
            "kind": trim.kind,
            "cluster": clusters.get(shape.id, -1),
            "material": shape.material,
            "shape": shape.id,
            "on": trim.on,
        }
        for shape, trim in garment.trims()
    ]


def _stitches(garment: Garment) -> list[dict[str, Any]]:
    def end(side: Any) -> dict[str, Any]:
        return {"shape": side.shape, "edge": side.edge, "reversed": side.reversed}

    return [{"id": s.id, "name": s.name, "a": end(s.a), "b": end(s.b)} for s in garment.stitches]


def _kind(shape: Shape) -> str:
    return "piece" if shape.trim is None else "trim"


_INFO: dict[str, Any] = {
    "name": lambda g: g.name,
    "path": lambda g: g.path,
    "shapes": lambda g: [{"id": s.id, "name": s.name, "kind": _kind(s)} for s in g.shapes],
    "clusters": lambda g: [asdict(c) for c in g.clusters],
    "trims": _trims,
    "symmetry": _symmetry,
    "stitches": _stitches,
    "sizes": lambda g: [
        {
            "id": s.id,
            "name": s.name,
            "current": s.id == g.current_size,
            "base": s.id == g.base_size,
            "scale": list(s.scale),
        }
        for s in g.sizes
    ],
    "rulers": lambda g: [asdict(r) for r in g.rulers],
}


def _bounds(garment: Garment) -> dict[str, list[float]]:
    from ..parts import garment_bounds

    low, high = garment_bounds(garment)
    return {"min": [round(float(v), 3) for v in low], "max": [round(float(v), 3) for v in high]}
