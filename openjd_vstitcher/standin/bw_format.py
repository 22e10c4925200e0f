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


def encode_vsgx(garment: Garment) -> bytes:
    """Encode a garment as an uncompressed `.vsgx`."""
    document: dict[str, Any] = garment.document()
    del document["rulers"]
    content = json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    return encode_rulers(garment.rulers) + DOCUMENT_KEY + struct.pack("<Q", len(content)) + content


def write_bw(garment: Garment, path: Path) -> None:
    """Write a garment atomically (by rename). The same garment gives the same bytes.

    Raises
    ------
    OSError: the file cannot be written.
    """
    import zstandard

    compress = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress
    rows = [("garment", ".vsgx", compress(encode_vsgx(garment)))]
    rows += [("garment", ".glb", compress(garment.model))] if garment.model else []
    rows += [("avatar", ".glb", compress(garment.avatar))] if garment.avatar else []
    rows += [("preview", ".png", garment.preview)] if garment.preview else []
    partial = part_path(path)
    try:
        connection = sqlite3.connect(partial)
        try:
            connection.execute(_SCHEMA)
            connection.executemany("INSERT INTO file_tree (name, ext, content) VALUES (?, ?, ?)", rows)
            connection.commit()
        finally:
            connection.close()
        move_into_place(partial, path)
    except sqlite3.Error as error:
        raise OSError(f"{path}: {error}") from error
    finally:
        remove_if_there(partial)
