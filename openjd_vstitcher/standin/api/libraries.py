"""Calls about colour libraries, asset libraries and smart templates: they keep what they are given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..calls import call
from ..codes import ApiError, Code
from ..elements import CallbackBase
from ..host import Host
from ..world import Library
from .lookup import find, json_object


@call
def color_library_create(host: Host, garment: str, library: str) -> int:
    """Add a colour library from its JSON."""
    host.garment(garment)
    number = host.world.number()
    host.world.colors[number] = json_object(library, "the colour library")
    return number


@call
def color_library_add(host: Host, garment: str, path: str) -> int:
    """Add a colour library from a file; the stand-in reads JSON only."""
    host.garment(garment)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ApiError(Code.CANNOT_READ, f"{path}: {error}") from error
    return color_library_create(host, garment, text)


@call
def color_library_get_colors(host: Host, garment: str, library: int) -> str:
    host.garment(garment)
    return json.dumps(find(host.world.colors.__getitem__, "colour library", library))


@call
def color_library_remove(host: Host, garment: str, library: int) -> None:
    host.garment(garment)
    find(host.world.colors.__getitem__, "colour library", library)
    del host.world.colors[library]


def _library(host: Host, library: str) -> Library:
    if library not in host.world.libraries:
        raise ApiError(Code.NOT_FOUND, f"no asset library {library!r}")
    return host.world.libraries[library]


@call
def asset_lib_add(host: Host, info: str) -> str:
    library = f"library-{host.world.number()}"
    host.world.libraries[library] = Library(json_object(info, "the library"))
    return library


@call
def asset_lib_update(host: Host, library: str, info: str) -> None:
    _library(host, library).info = json_object(info, "the library")


@call
def asset_lib_get(host: Host, library: str) -> str:
    return json.dumps(_library(host, library).info)


@call
def asset_lib_remove(host: Host, library: str) -> None:
    _library(host, library)
    del host.world.libraries[library]


@call
def asset_lib_event_register(host: Host, library: str, event: int, callback: CallbackBase, callback_id: int) -> None:
    """Run a callback at an event of a library; none happens in the stand-in."""
    _library(host, library)
    try:
        host.listeners.add(event, callback, callback_id, of=library)
    except ValueError:
        raise ApiError(Code.INVALID_ARGUMENT, f"unknown event {event}") from None


@call
def asset_lib_collection_add(host: Host, library: str, collection: str) -> int:
    json_object(collection, "the collection")
    target = _library(host, library)
    target.made += 1
    target.collections[target.made] = []
    return target.made


def _collection(host: Host, library: str, collection: int) -> list[int]:
    return find(_library(host, library).collections.__getitem__, "collection", collection)


@call
def asset_lib_collection_remove(host: Host, library: str, collection: int) -> None:
    _collection(host, library, collection)
    del _library(host, library).collections[collection]


@call
def asset_lib_collection_asset_ids(host: Host, library: str, collection: int) -> list[int]:
    return list(_collection(host, library, collection))


@call
def asset_lib_collection_asset_add(host: Host, library: str, collection: int, asset: int) -> None:
    _asset(host, library, asset)
    _collection(host, library, collection).append(asset)


@call
def asset_lib_collection_asset_remove(host: Host, library: str, collection: int, asset: int) -> None:
    listed = _collection(host, library, collection)
    if asset not in listed:
        raise ApiError(Code.NOT_FOUND, f"asset {asset} is not in the collection")
    listed.remove(asset)


@call
def asset_lib_asset_add(host: Host, library: str, asset: str) -> int:
    target = _library(host, library)
    described = json_object(asset, "the asset")
    target.made += 1
    target.assets[target.made] = described
    return target.made


def _asset(host: Host, library: str, asset: int) -> dict[str, Any]:
    return find(_library(host, library).assets.__getitem__, "asset", asset)


@call
def asset_lib_asset_remove(host: Host, library: str, asset: int) -> None:
    _asset(host, library, asset)
    target = _library(host, library)
    del target.assets[asset]
    for listed in target.collections.values():
        listed[:] = [other for other in listed if other != asset]


@call
def asset_lib_asset_ids(host: Host, library: str) -> list[int]:
    return list(_library(host, library).assets)


@call
def asset_lib_asset_get(host: Host, library: str, asset: int) -> str:
    return json.dumps(_asset(host, library, asset))


@call
def asset_lib_asset_state_set(host: Host, library: str, asset: int, state: str) -> None:
    _asset(host, library, asset)["state"] = json_object(state, "the state").get("state")


@call
def smart_template_garment_get(host: Host, garment: str) -> int:
    return int("smart_template" in host.garment(garment).plugin_data)


@call
def smart_template_garment_set(host: Host, garment: str) -> None:
    host.garment(garment).plugin_data["smart_template"] = {}


@call
def smart_template_category_add(host: Host, garment: str, parent: int, category: str) -> int:
    json_object(category, "the category")
    host.garment(garment)
    return host.world.number()


@call
def smart_template_category_item_add(host: Host, garment: str, category: int, item: str) -> int:
    json_object(item, "the item")
    host.garment(garment)
    return host.world.number()
