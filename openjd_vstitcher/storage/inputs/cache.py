"""Inputs that this machine has fetched before, by their content. Shared by concurrent jobs without locks."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from ...files import is_part, make_directory_for_owner, move_into_place, part_path, whole_file
from .manifest import InputEntry

_CHUNK_BYTES = 1 << 20
_STALE_PART_S = 86_400.0


class Cache:
    """A directory of files named by their SHA-256. The least recently used are removed first.

    `pins/` maps an address and version to the SHA-256 of its content. Files appear by rename, so a reader never sees a
    partial one, and a file that is removed while it is being read stays readable to its reader.

    Parameters
    ----------
    limit_bytes: the most that the files may take together.
    min_free_bytes: what the cache leaves free on its disk.
    """

    def __init__(self, directory: Path, limit_bytes: int, min_free_bytes: int = 0) -> None:
        self._objects = directory.expanduser() / "objects"
        self._pins = directory.expanduser() / "pins"
        self._limit_bytes = limit_bytes
        self._min_free_bytes = min_free_bytes

    def copy(self, entry: InputEntry, target: Path) -> str | None:
        """Copy an input to `target` and return its SHA-256, or None if it is not cached. A damaged file is removed."""
        sha256 = entry.sha256 or self._pinned(entry)
        if sha256 is None:
            return None
        cached = self._objects / sha256
        try:
            digest = _copy(cached, target)
            if digest == sha256:
                os.utime(cached)
                return digest
            cached.unlink(missing_ok=True)
        except OSError:
            target.unlink(missing_ok=True)
        return None

    def keep(self, entry: InputEntry, source: Path, sha256: str) -> None:
        """Keep a file that was just fetched, if the disk has room. A cache that cannot be written is not an error."""
        try:
            for folder in (self._objects, self._pins):
                make_directory_for_owner(folder, exist_ok=True)
            if shutil.disk_usage(self._objects).free - source.stat().st_size < self._min_free_bytes:
                return
            part = Path(part_path(self._objects / sha256))
            try:
                if _copy(source, part) == sha256:
                    move_into_place(part, self._objects / sha256, durable=False)
            finally:
                part.unlink(missing_ok=True)
            if entry.version:
                with whole_file(self._pin(entry), durable=False) as pin:
                    pin.write(sha256.encode("ascii"))
            self._shrink()
        except OSError:
            return

    def _pin(self, entry: InputEntry) -> Path:
        return self._pins / hashlib.sha256(f"{entry.source_uri}\0{entry.version}".encode()).hexdigest()

    def _pinned(self, entry: InputEntry) -> str | None:
        if not entry.version:
            return None
        try:
            return self._pin(entry).read_text(encoding="ascii")
        except OSError:
            return None

    def _shrink(self) -> None:
        found = sorted(self._files(), key=lambda item: item[1].st_mtime)
        total = sum(status.st_size for _, status in found)
        for path, status in found:
            part = is_part(path.name)
            stale = part and time.time() - status.st_mtime > _STALE_PART_S
            if not stale and (part or total <= self._limit_bytes):
                continue
            try:
                path.unlink(missing_ok=True)
            except PermissionError:
                continue
            total -= status.st_size

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for path in self._objects.iterdir():
            try:
                yield path, path.stat()
            except FileNotFoundError:
                continue


def _copy(source: Path, target: Path) -> str:
    digest = hashlib.sha256()
    with source.open("rb") as reader, target.open("wb") as writer:
        while chunk := reader.read(_CHUNK_BYTES):
            digest.update(chunk)
            writer.write(chunk)
    return digest.hexdigest()
