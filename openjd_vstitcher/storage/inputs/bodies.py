"""Chooses the garment of a body among the files in its folder. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...errors import InvalidInput, Problem
from ..address import file_name
from ..values import StoredObject

GARMENT_SUFFIX = ".bw"
_VERSION = re.compile(r"(?:^|[-_ .])v(\d{1,9})(?=[-_ .]|$)", re.IGNORECASE)


def version_of(name: str, body_code: str) -> int | None:
    """The version in a garment's file name, such as 10 in `TK-6129-V10-3D_BODY.bw`; None if it has none."""
    stem = name[: -len(GARMENT_SUFFIX)] if name.lower().endswith(GARMENT_SUFFIX) else name
    code = _folded(body_code)
    found = _VERSION.search(stem, len(code) if _folded(stem).startswith(code) else 0)
    return int(found[1]) if found else None


def choose_garment(
    found: Sequence[tuple[StoredObject, float]], folder: str, body_code: str, version: int | None
) -> StoredObject:
    """The garment of the version that was asked for; the newest one if several have it, or if none was asked for.

    Parameters
    ----------
    found: what is in the folder, each with its time of change.

    Raises
    ------
    InvalidInput: there is no such garment; with the versions that there are.
    """
    garments = [(time, item) for item, time in found if item.uri.lower().endswith(GARMENT_SUFFIX)]
    if not garments:
        raise _refused("/body_code", f"no {GARMENT_SUFFIX} file under {folder}/")
    if version is not None:
        versions = [version_of(file_name(item.uri), body_code) for _, item in garments]
        wanted = [garment for garment, its in zip(garments, versions, strict=True) if its == version]
        if not wanted:
            there = sorted({its for its in versions if its is not None})
            expected = f"expected one of {', '.join(map(str, there))}" if there else "its file names carry no version"
            raise _refused(
                "/body_version", f"no {GARMENT_SUFFIX} file of version {version} under {folder}/; {expected}"
            )
        garments = wanted
    return max(garments, key=lambda garment: (garment[0], garment[1].uri))[1]


def _folded(text: str) -> str:
    return text.lower().replace("_", "-").replace(" ", "-")


def _refused(pointer: str, message: str) -> InvalidInput:
    return InvalidInput("job details", [Problem(pointer, message)])
