"""Finds artworks of one job that the engine plugin would put on the same material. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...errors import Problem
from ...names import same_material_key
from ..address import file_name

_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".u3m", ".u3ma")
"""What the plugin takes for an artwork in a bundle: `engine/plugin/src/artwork.py`."""


def material_of(replacement: Mapping[str, Any]) -> str:
    """The name of the material that a replacement is for: as the job says, else the file's name without its suffix."""
    return str(replacement.get("name") or _stem(file_name(replacement["remote_file_path"])))


def replacement_clashes(details: Mapping[str, Any]) -> Iterator[Problem]:
    """Replacements with different files for one material. The plugin would apply the last one only."""
    first: dict[str, tuple[int, str]] = {}
    for number, item in enumerate(details.get("artwork_replacements") or ()):
        uri = item["remote_file_path"]
        earlier, other = first.setdefault(same_material_key(material_of(item)), (number, uri))
        if other != uri:
            field = "name" if item.get("name") else "remote_file_path"
            message = f"{material_of(item)!r} names the same material as /artwork_replacements/{earlier}"
            yield Problem(f"/artwork_replacements/{number}/{field}", f"{message}; expected one file for each material")


def bundle_clashes(names: Iterable[tuple[str, str]], pointer: str) -> Iterator[Problem]:
    """Artworks at the top of a bundle that are for one material. The plugin would apply the last one only.

    Parameters
    ----------
    names: the path of each file in the bundle, with its address.
    """
    first: dict[str, str] = {}
    for name, uri in names:
        if "/" not in name and name.lower().endswith(_SUFFIXES):
            earlier = first.setdefault(same_material_key(_stem(name)), uri)
            if earlier != uri:
                yield Problem(pointer, f"{earlier} and {uri} are for the same material; expected one file for each")


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name
