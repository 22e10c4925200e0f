"""Opens and checks garment files. A `.bw` is an SQLite database of files compressed with zstd."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InvalidInput, Problem
from .rulers import Ruler, parse_rulers

DOCUMENT_KEY = b"standinGarment"
"""Precedes the garment section of files written by the stand-in: a length (8 bytes, little-endian), then JSON."""

_MIB = 2**20
_MAX_FILE = 4096 * _MIB
_MAX_ROWS = 10_000
_MAX_VSGX = 256 * _MIB
_MAX_EXTRACTED = 128 * _MIB
_MAX_DOCUMENT = 16 * _MIB
_MAX_WINDOW = 32 * _MIB
_MAX_EXPANSION = 1_000
"""Content that is more than 16 MiB may be at most this many times larger than it was compressed."""
_ALWAYS_ALLOWED = 16 * _MIB
_MAX_VALUES = 500_000
_MAX_PREVIEWS = 20
_TIME_LIMIT_S = 20.0
_STEP = 1024
"""Bytes fed to the decompressor at a time; they expand to at most 32 MiB."""

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_IMAGES = {".png": b"\x89PNG\r\n\x1a\n", ".jpg": b"\xff\xd8\xff", ".jpeg": b"\xff\xd8\xff"}


@dataclass(frozen=True)
class PackedFile:
    """One file in a `.bw`. `row` is its key in `file_tree`, `size_bytes` its compressed size."""

    row: int
    name: str
    ext: str
    size_bytes: int


@dataclass(frozen=True)
class GarmentFile:
    """The contents of a `.bw`.

    Parameters
    ----------
    document: the garment section written by the stand-in; None in files from other programs.
    """

    path: Path
    size_bytes: int
    files: tuple[PackedFile, ...]
    rulers: tuple[Ruler, ...]
    document: dict[str, Any] | None

    def names(self, key: str) -> list[str]:
        """The names of the items in a list of the document, such as `colorways` or `snapshots`."""
        listed = (self.document or {}).get(key)
        if not isinstance(listed, list):
            return []
        return [str(item["name"]) for item in listed if isinstance(item, dict) and "name" in item]

    def read(self, name: str, ext: str) -> bytes | None:
        """The uncompressed content of a contained file, None if there is no such file.

        Raises
        ------
        InvalidInput: the file is corrupt or larger than 128 MiB.
        """
        for file in self.files:
            if (file.name, file.ext) == (name, ext):
                with _database(self.path) as connection:
                    return bytes(_content(connection, self.path, file, _MAX_EXTRACTED, _Deadline(self.path)))
        return None

    def preview(self) -> tuple[str, bytes] | None:
        """The extension and bytes of the preview image, None if there is none.

        Raises
        ------
        InvalidInput: a picture is corrupt or larger than 128 MiB, or they take too long to read.
        """
        deadline = _Deadline(self.path)
        images = [file for file in self.files if file.ext in _IMAGES]
        images.sort(key=lambda file: "preview" not in file.name.lower())
        for file in images[:_MAX_PREVIEWS]:
            with _database(self.path) as connection:
                content = bytes(_content(connection, self.path, file, _MAX_EXTRACTED, deadline))
            if content.startswith(_IMAGES[file.ext]):
                return file.ext, content
        return None


def open_garment(path: Path) -> GarmentFile:
    """Read a `.bw` file.

    Raises
    ------
    InvalidInput: the file is missing, unreadable, not a `.bw`, corrupt, or exceeds the size or time limits.
    """
    size = _regular_file(path)
    if size > _MAX_FILE:
        raise _refused(path, f"{size} bytes exceeds the limit of {_MAX_FILE} bytes for a garment")
    if _head(path, 16) != b"SQLite format 3\x00":
        raise _refused(path, "is not a .bw file: it is not a SQLite database")
    deadline = _Deadline(path)
    with _database(path) as connection:
        files = _list_files(connection, path)
        main = next((file for file in files if file.ext == ".vsgx"), None)
        if main is None:
            raise _refused(path, "is not a .bw file: its file_tree has no row with ext '.vsgx'")
        content = _content(connection, path, main, _MAX_VSGX, deadline, compressed=True)
    try:
        rulers = parse_rulers(content, deadline.check)
    except ValueError as error:
        raise _refused(path, str(error)) from error
    return GarmentFile(path, size, files, rulers, _document(path, content))


def check_garment(path: Path) -> None:
    """Reject a file that no engine could open. A `.bw` is read completely, other formats only at the start.

    Raises
    ------
    InvalidInput: the file is missing, unreadable, empty, or does not match its extension.
    """
    kind = path.suffix.lower()
    size = _regular_file(path)
    if kind == ".bw":
        open_garment(path)
        return
    if size == 0:
        raise _refused(path, "is empty")
    head = _head(path, 65536)
    if kind == ".glb":
        if head[:4] != b"glTF" or len(head) < 20:
            raise _refused(path, "is not a .glb file: it does not start with 'glTF'")
        declared = int.from_bytes(head[8:12], "little")
        if declared > size:
            raise _refused(path, f"is truncated: it has {size} of {declared} bytes")
    elif kind == ".obj":
        if b"\x00" in head or not re.search(rb"^v[ \t]", head, re.MULTILINE):
            raise _refused(path, "is not an .obj file: no line starts with 'v '")
    elif kind not in (".vsgx", ".vsp", ".dxf"):
        raise _refused(path, "is not a garment file: expected .bw, .vsgx, .vsp, .dxf, .glb or .obj")


def describe(garment: GarmentFile, preview: tuple[str, bytes] | None) -> dict[str, Any]:
    """Describe a garment file as JSON data. Only files from the stand-in have names of pieces, sizes and colorways."""
    document = garment.document or {}
    shapes = [shape for shape in document.get("shapes") or [] if isinstance(shape, dict)]
    return {
        "path": os.fspath(garment.path),
        "size_bytes": garment.size_bytes,
        "name": document.get("name"),
        "colorways": garment.names("colorways"),
        "snapshots": garment.names("snapshots"),
        "sizes": garment.names("sizes"),
        "pieces": [str(shape.get("name")) for shape in shapes if not shape.get("trim")],
        "trims": [str(shape.get("name")) for shape in shapes if shape.get("trim")],
        "preview": {"type": preview[0].lstrip("."), "size_bytes": len(preview[1])} if preview else None,
        "files": [{"name": f.name, "ext": f.ext, "size_bytes": f.size_bytes} for f in garment.files],
        "rulers": [
            {
                "name": ruler.name,
                "components": [
                    {"shape": c.shape, "edge": c.edge, "internal_line": c.internal_line} for c in ruler.components
                ],
            }
            for ruler in garment.rulers
        ],
    }


def _document(path: Path, content: bytearray) -> dict[str, Any] | None:
    at = content.rfind(DOCUMENT_KEY)
    if at < 0:
        return None
    start = at + len(DOCUMENT_KEY) + 8
    size = int.from_bytes(content[start - 8 : start], "little")
    if size > min(_MAX_DOCUMENT, len(content) - start):
        raise _refused(path, "is corrupt: its garment section exceeds the file or the limit of 16 MiB")
    if sum(content.count(mark, start, start + size) for mark in (b",", b"[", b"{")) > _MAX_VALUES:
        raise _refused(path, f"has more than {_MAX_VALUES} values in its garment section")
    try:
        document = json.loads(content[start : start + size])
    except (ValueError, RecursionError) as error:
        raise _refused(path, f"is corrupt: its garment section is not valid JSON ({error})") from error
    if not isinstance(document, dict):
        raise _refused(path, "is corrupt: its garment section is not a JSON object")
    return document


def _regular_file(path: Path) -> int:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise _refused(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if stat.S_ISDIR(status.st_mode):
        raise _refused(path, "is a directory; expected a garment file")
    if not stat.S_ISREG(status.st_mode):
        raise _refused(path, "is not a regular file")
    return status.st_size


def _head(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise _refused(path, f"cannot be read: {error.strerror}") from error


@contextmanager
def _database(path: Path) -> Iterator[sqlite3.Connection]:
    """The database, opened read-only and with limits on time and size."""
    connection = None
    try:
        uri = path.resolve().as_uri() + "?mode=ro&immutable=1"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, min(_MAX_VSGX, path.stat().st_size) + _MIB)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.setlimit(sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 0)
        deadline = time.monotonic() + _TIME_LIMIT_S
        connection.set_progress_handler(lambda: int(time.monotonic() > deadline), 100)
        for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "query_only=ON", "mmap_size=0"):
            connection.execute(f"PRAGMA {pragma}")
        yield connection
    except (sqlite3.Error, OverflowError, ValueError, OSError) as error:
        if "interrupted" in str(error):
            raise _too_slow(path) from error
        raise _refused(path, f"is a corrupt database: {error}") from error
    finally:
        if connection is not None:
            connection.close()


def _list_files(connection: sqlite3.Connection, path: Path) -> tuple[PackedFile, ...]:
    entry = connection.execute("SELECT type, sql FROM sqlite_master WHERE name = 'file_tree' COLLATE NOCASE").fetchone()
    if entry is None:
        raise _refused(path, "is not a .bw file: it has no table file_tree")
    if entry[0] != "table" or not re.match(r"\s*CREATE\s+TABLE\b", str(entry[1]), re.IGNORECASE):
        raise _refused(path, "is not a .bw file: its file_tree is not an ordinary table")
    columns = {str(row[1]).lower(): row[6] for row in connection.execute("PRAGMA table_xinfo(file_tree)")}
    if columns.get("ext") != 0 or columns.get("content") != 0 or columns.get("name", 0) != 0:
        raise _refused(path, "is not a .bw file: its file_tree has no stored columns ext and content")
    name = "substr(CAST(name AS TEXT), 1, 255)" if "name" in columns else "''"
    query = f"""
        SELECT rowid, {name}, lower(substr(CAST(ext AS TEXT), 1, 32)),
               CASE typeof(content) WHEN 'blob' THEN length(content) END
        FROM file_tree ORDER BY rowid LIMIT {_MAX_ROWS + 1}
    """  # noqa: S608  # `name` is one of the two constants above
    rows = connection.execute(query).fetchall()
    if len(rows) > _MAX_ROWS:
        raise _refused(path, f"contains more than {_MAX_ROWS} files")
    return tuple(PackedFile(int(row), str(n or ""), str(ext or ""), int(size or 0)) for row, n, ext, size in rows)


def _content(
    connection: sqlite3.Connection,
    path: Path,
    file: PackedFile,
    limit: int,
    deadline: _Deadline,
    *,
    compressed: bool = False,
) -> bytearray:
    """The content of a row, decompressed if it is zstd. With `compressed`, anything else is an error."""
    label = f"{file.name}{file.ext}"
    with connection.blobopen("file_tree", "content", file.row, readonly=True) as blob:
        if len(blob) > path.stat().st_size:
            raise _refused(path, f"is corrupt: the contained {label} is larger than the file")
        packed = blob.read(4) == _ZSTD_MAGIC
        blob.seek(0)
        if packed:
            limit = min(limit, max(_ALWAYS_ALLOWED, _MAX_EXPANSION * len(blob)))
            return _decompressed(blob, path, label, limit, deadline)
        if compressed:
            raise _refused(path, f"is corrupt: the contained {label} is not compressed with zstd")
        if len(blob) > limit:
            raise _refused(path, f"the contained {label} exceeds the limit of {limit // _MIB} MiB")
        return bytearray(blob.read())


def _decompressed(blob: sqlite3.Blob, path: Path, label: str, limit: int, deadline: _Deadline) -> bytearray:
    import zstandard

    stream = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).decompressobj()
    content = bytearray()
    try:
        while not stream.eof:
            deadline.check()
            chunk = blob.read(_STEP)
            if not chunk:
                raise _refused(path, f"is corrupt: the contained {label} is truncated")
            content += stream.decompress(chunk)
            if len(content) > limit:
                raise _refused(
                    path, f"the contained {label} decompresses to more than the limit of {limit // _MIB} MiB"
                )
    except zstandard.ZstdError as error:
        raise _refused(path, f"is corrupt: the contained {label} cannot be decompressed ({error})") from error
    return content


class _Deadline:
    """Ends the reading of one file when it takes too long."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._end = time.monotonic() + _TIME_LIMIT_S

    def check(self) -> None:
        """Raise `InvalidInput` if the time is over."""
        if time.monotonic() > self._end:
            raise _too_slow(self._path)


def _too_slow(path: Path) -> InvalidInput:
    return _refused(path, f"takes longer than {_TIME_LIMIT_S:.0f} s to read")


def _refused(path: Path, message: str) -> InvalidInput:
    return InvalidInput(os.fspath(path), [Problem("", message)])
