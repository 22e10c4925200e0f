"""Writes `.bw` files: SQLite, with the garment as a zstd-compressed `.vsgx`. `garment.py` reads them."""

from __future__ import annotations

import json
import sqlite3
import struct
from pathlib import Path
from typing import Any

from ..files import move_into_place, part_path, remove_if_there
from ..garment import DOCUMENT_KEY
from .model import Garment, Ruler
from .u3m import without_image

PACKED = "packed:"
"""What the path of a texture starts with whose picture is in the file."""

_LEVEL = 19
_SCHEMA = (
    "CREATE TABLE file_tree (id INTEGER PRIMARY KEY, name TEXT NOT NULL, ext TEXT NOT NULL, content BLOB NOT NULL)"
)


def encode_rulers(rulers: list[Ruler]) -> bytes:
    """Encode rulers in the binary form of a `.vsgx`. Names are truncated to 255 bytes, the limit of the format."""
    data = bytearray()
    for ruler in rulers:
        data += b"Ruler"
        for element in ruler.elements:
            data += b"shapeIds" + bytes(10) + struct.pack("<I", element.shape)
            data += b"edgeId" + bytes(2) + struct.pack("<i", element.edge)
            if element.edge == -1:
                data += b"internalLineId" + bytes(2) + struct.pack("<i", element.internal_line)
        name = ruler.name.encode("utf-8")[:255].decode("utf-8", "ignore").encode("utf-8")
        data += b"rulerName" + bytes(2) + bytes([len(name)]) + name
    return bytes(data)


def encode_vsgx(garment: Garment, document: dict[str, Any] | None = None) -> bytes:
    """Encode a garment as an uncompressed `.vsgx`.

    Parameters
    ----------
    document: the garment's document, if parts of it are packed elsewhere.
    """
    document = garment.document() if document is None else document
    document = {key: value for key, value in document.items() if key != "rulers"}
    content = json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    return encode_rulers(garment.rulers) + DOCUMENT_KEY + struct.pack("<Q", len(content)) + content


def encode_bw(garment: Garment) -> bytes:
    """Encode a garment as a `.bw` with its textures. The same garment gives the same bytes.

    Raises
    ------
    OSError: a texture cannot be read.
    """
    import zstandard

    compress = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress
    document, textures = _packed(garment)
    rows = [("garment", ".vsgx", compress(encode_vsgx(garment, document)))]
    rows += [("garment", ".glb", compress(garment.model))] if garment.model else []
    rows += [("avatar", ".glb", compress(garment.avatar))] if garment.avatar else []
    rows += [("preview", ".png", garment.preview)] if garment.preview else []
    rows += textures
    try:
        connection = sqlite3.connect(":memory:")
        try:
            connection.execute(_SCHEMA)
            connection.executemany("INSERT INTO file_tree (name, ext, content) VALUES (?, ?, ?)", rows)
            connection.commit()
            return connection.serialize()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise OSError(f"{garment.name}: {error}") from error


def _packed(garment: Garment) -> tuple[dict[str, Any], list[tuple[str, str, bytes]]]:
    """The document with the names of packed textures in place of their paths, and their rows."""
    document = garment.document()
    names: dict[str, tuple[str, str]] = {}
    for colorway in document["colorways"]:
        for material in colorway["materials"]:
            material["u3m"] = without_image(material.get("u3m"))
            if material.get("texture"):
                path = material["texture"]["path"]
                name, ext = names.setdefault(path, (f"texture-{len(names) + 1}", Path(path).suffix.lower()))
                material["texture"]["path"] = PACKED + name + ext
    return document, [(name, ext, Path(path).read_bytes()) for path, (name, ext) in names.items()]


def write_bw(garment: Garment, path: Path) -> None:
    """Write a garment atomically (by rename).

    Raises
    ------
    OSError: the file cannot be written, or a texture cannot be read.
    """
    partial = part_path(path)
    try:
        Path(partial).write_bytes(encode_bw(garment))
        move_into_place(partial, path)
    finally:
        remove_if_there(partial)
