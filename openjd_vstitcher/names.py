"""Rules for the names of files and buckets."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""A valid bucket name of S3."""

OUTPUT_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "MEDIA_RENDER": (".png",),
    "MEDIA_RENDER_RAY_TRACE": (".png",),
    "MEDIA_3D_SCENE": (".glb", ".fbx", ".bwo"),
    "TURNTABLE": (".zip",),
    "DXA_ASSET_BUNDLE": (".zip",),
    "DXA_BODY_ASSET_BUNDLE": (".zip",),
    "SCAN": (".json",),
}
"""How the output of each export type may be named: the suffixes of the formats that it can write as one file."""

_RESERVED_ON_WINDOWS = re.compile(
    r"(con|prn|aux|nul|com[1-9\u00b9\u00b2\u00b3]|lpt[1-9\u00b9\u00b2\u00b3]|conin\$|conout\$) *(\.|$)", re.I
)
_BLANK = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and symbols that look like nothing."""


def same_file_key(name: str) -> str:
    """A key that is equal for names which a case-folding, Unicode-normalising file system takes for one file."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def unsafe_reason(name: str) -> str | None:
    """Why a file name deceives its reader or cannot be used on Windows, as a predicate; None if it does neither.

    Format characters (Unicode category Cf) are invisible, and some of them change the direction of the text, so that
    a name looks like another one.
    """
    for character in name:
        if unicodedata.category(character) == "Cf" or character in _BLANK:
            return f"contains the invisible character U+{ord(character):04X}"
    return "is a reserved name on Windows" if _RESERVED_ON_WINDOWS.match(name) else None


def wrong_suffix(export_type: str, name: str) -> str | None:
    """What a name lacks to say the format of its export type's output; None if it says it, or the type is custom."""
    suffixes = OUTPUT_SUFFIXES.get(export_type)
    if suffixes is None or name[1:].lower().endswith(suffixes):
        return None
    return f"does not end in {' or '.join(suffixes)}, which is what {export_type} writes"
