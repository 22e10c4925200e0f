"""Calls about garments as a whole: files, custom fields, dressing, tech packs."""

from __future__ import annotations

import json
from pathlib import Path

from .. import materials
from ..calls import call
from ..codes import ApiError, Code
from ..events import Event
from ..host import Host
from ..loading import open_file
from ..model import Colorway, Garment, Size
from .lookup import json_object


@call
def garment_id(host: Host) -> str:
    """The id of the current garment, "" if none is open."""
    return host.current


@call
def garment_create(host: Host, name: str) -> str:
    """Create an empty garment."""
    garment = Garment(name, [], [Colorway(1, "Default", {1: {**materials.DEFAULTS}})], sizes=[Size(1, "M")])
    return _opened(host, garment, Event.GARMENT_NEW)


@call
def garment_open(host: Host, path: str) -> None:
    """Open a garment file and make it the current garment."""
    garment = open_file(Path(path), host.scratch())
    garment.path = path
    _opened(host, garment, Event.GARMENT_OPEN)


@call
def garment_import(host: Host, path: str, settings: str) -> None:
    """Open a `.vsp` or `.dxf` file with settings; the stand-in opens the files that it knows, and ignores settings."""
    if settings:
        json_object(settings, "settings")
    garment = open_file(Path(path), host.scratch())
    garment.path = path
    _opened(host, garment, Event.GARMENT_OPEN)


def _opened(host: Host, garment: Garment, event: Event) -> str:
    host.opened += 1
    garment.id = f"garment-{host.opened}-{garment.name}"
    host.garments[garment.id] = garment
    host.current = garment.id
    host.listeners.fire(event, garment.id)
    return garment.id


@call
def garment_save(host: Host, garment: str) -> None:
    """Save the garment to its `.bw` file; fails if it was never saved."""
    opened = host.garment(garment)
    if not opened.path:
        raise ApiError(Code.UNSAVED, "the garment was never saved")
    _save(host, opened, opened.path)


@call
def garment_save_as(host: Host, garment: str, path: str) -> None:
    """Save the garment to a `.bw` file, which becomes its file, and load it again: it has a new id."""
    opened = host.garment(garment)
    _save(host, opened, path)
    del host.garments[garment]
    _opened(host, opened, Event.GARMENT_OPEN)


def _save(host: Host, garment: Garment, path: str) -> None:
    from ..bw_format import encode_bw

    if Path(path).suffix.lower() != ".bw":
        raise ApiError(Code.NOT_SUPPORTED, f"{path}: the stand-in can only save .bw files")
    try:
        host.misbehaviour.write(Path(path), encode_bw(garment))
    except OSError as error:
        raise ApiError(Code.CANNOT_WRITE, str(error)) from error
    garment.path, garment.modified = path, False
    host.listeners.fire(Event.GARMENT_SAVED, garment.id)


@call
def garment_close(host: Host, garment: str, force: bool) -> None:
    """Close a garment; `force` discards unsaved changes."""
    if host.garment(garment).modified and not force:
        raise ApiError(Code.UNSAVED, "the garment has unsaved changes")
    del host.garments[garment]
    host.current = next(reversed(host.garments), "")
    host.listeners.fire(Event.GARMENT_CLOSED, garment)


@call
def garment_path_get(host: Host, garment: str) -> str:
    """The file of a garment, "" if it was never saved."""
    return host.garment(garment).path


@call
def garment_dress(host: Host, garment: str) -> None:
    """Start to put the garment on the avatar. The simulation ends after this call."""
    host.start_drape(host.garment(garment))


@call
def garment_colorway_ids(host: Host, garment: str) -> list[int]:
    return [colorway.id for colorway in host.garment(garment).colorways]


@call
def garment_info_get_ex(host: Host, garment: str, key: str) -> str:
    """A custom field as JSON, "" if there is none under the key."""
    return host.garment(garment).info.get(key, "")


@call
def garment_info_set_ex(host: Host, garment: str, key: str, text: str) -> None:
    """Store a custom field: JSON with `show_in_techpack_html`, `read_only`, `caption` and the text `value`."""
    opened = host.garment(garment)
    field = json_object(text, "the field")
    if not isinstance(field.get("value"), str):
        raise ApiError(Code.INVALID_ARGUMENT, "a custom field needs a text as its value")
    defaults = {"show_in_techpack_html": False, "read_only": False, "caption": key}
    opened.info[key] = json.dumps({**defaults, **field})
    host.modified(opened)


@call
def garment_techpack_export(host: Host, garment: str, preset_name: str, output_folder: str) -> None:
    """Write a tech pack to a folder. The stand-in has every preset."""
    from ..techpack import export_techpack

    opened = host.garment(garment)
    if not preset_name:
        raise ApiError(Code.INVALID_ARGUMENT, "a tech pack needs a preset name")
    export_techpack(host, opened, preset_name, Path(output_folder))
