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
    "VSTITCHER_FILE": (".bw",),
}
"""How the output of each export type may be named: the suffixes of the formats that it can write as one file."""

_MAX_BYTES = 255
"""What Linux, macOS and Windows allow at least: Windows counts UTF-16 units, of which UTF-8 never has fewer bytes."""
_MAX_SAFE_BYTES = 240
"""Leaves room for a number that tells equal names apart."""
_MAX_SUFFIX_BYTES = 32

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_WINDOWS_REFUSES = re.compile(r'[:*?"<>|]')
_SEPARATOR = re.compile(r"[\\/]")
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
"""Invisible characters (`Default_Ignorable_Code_Point` of Unicode) outside its category Cf (format characters)."""
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE | re.DOTALL)
"""Device names of Windows. A suffix does not make them file names.

https://learn.microsoft.com/windows/win32/fileio/naming-a-file
"""


def same_file_key(name: str) -> str:
    """A key that is equal for names which a case-folding, Unicode-normalising file system takes for one file."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def same_material_key(name: str) -> str:
    """A key that is equal for names which the engine plugin takes for one material, or one artwork of a material."""
    return unicodedata.normalize("NFC", name).lower().replace("-", " ").replace("_", " ").strip()


def unsafe_reason(name: str) -> str | None:
    """Why a file name, without folders, is not safe on every system; None if it is.

    A safe name shows what it is: it has no invisible characters and none that change the direction of the text.

    Returns
    -------
    A predicate for a message, such as "is a reserved name on Windows".
    """
    if not name:
        return "is empty"
    if name in (".", ".."):
        return "refers to a directory"
    if _SEPARATOR.search(name):
        return "contains a path separator"
    if _CONTROL.search(name):
        return "contains a control character"
    hidden = next((character for character in name if _is_hidden(character)), None)
    if hidden is not None:
        return f"contains the invisible or direction-changing character U+{ord(hidden):04X}"
    if _WINDOWS_REFUSES.search(name):
        return "contains a character that Windows does not allow"
    if name[-1] in ". ":
        return "ends with a dot or a space"
    if _RESERVED.fullmatch(name):
        return "is a reserved name on Windows"
    if len(name.encode("utf-8")) > _MAX_BYTES:
        return f"is longer than {_MAX_BYTES} bytes"
    return None


def safe_name(name: str) -> str:
    """The name, or the nearest one that is safe on every system (`unsafe_reason`)."""
    visible = "".join(character for character in name if not _is_hidden(character))
    for forbidden in (_SEPARATOR, _CONTROL, _WINDOWS_REFUSES):
        visible = forbidden.sub("_", visible)
    visible = _shortened(visible).rstrip(" .") or "_"
    return f"_{visible}" if _RESERVED.fullmatch(visible) else visible


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) == "Cf" or _IGNORABLE.match(character) is not None


def _shortened(name: str) -> str:
    """The name cut to `_MAX_SAFE_BYTES` in UTF-8, with its suffix if that is short."""
    data = name.encode("utf-8")
    if len(data) <= _MAX_SAFE_BYTES:
        return name
    suffix = data[data.rfind(b".") :] if b"." in data else b""
    suffix = suffix if len(suffix) <= _MAX_SUFFIX_BYTES else b""
    return data[: _MAX_SAFE_BYTES - len(suffix)].decode("utf-8", "ignore") + suffix.decode("utf-8")


def wrong_suffix(export_type: str, name: str) -> str | None:
    """What a name lacks to say the format of its export type's output; None if it says it, or the type is custom."""
    suffixes = OUTPUT_SUFFIXES.get(export_type)
    if suffixes is None or name[1:].lower().endswith(suffixes):
        return None
    return f"does not end in {' or '.join(suffixes)}, which is what {export_type} writes"
