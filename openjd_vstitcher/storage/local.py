"""Storage in a directory of this machine, where `s3://bucket/key` is the file `bucket/key`."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, BinaryIO

from ..errors import StorageError
from ..files import is_part, move_into_place, part_path, remove_if_there
from .address import check_within, is_folder, is_https, is_s3, join, local_path, not_allowed, refused, split_s3, within
from .pace import Pace
from .ports import NEW_TRANSFER, OnBytes, Transfer
from .values import PutOptions, StoredObject

if TYPE_CHECKING:
    from ..config import StorageConfig

_CHUNK_BYTES = 1 << 20
_WAIT_FOR = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE),
    *(errno.ETIMEDOUT, errno.EAGAIN, errno.EBUSY, errno.ESTALE),
}
"""Errors of the machine: they go away when its disk has room and can be written again, or a network drive is back."""


class LocalStorage:
    """The `Storage` port over a directory.

    `s3://` addresses cannot leave the root. Other paths are refused unless `read_from` or
    `write_to` names them, or they lie under the root.
    """

    def __init__(self, config: StorageConfig, read_from: Sequence[str]) -> None:
        self._root = config.local.root.expanduser().resolve()
        self._read_from = read_from
        self._write_to = config.write_to
        self._pace = Pace(config.bandwidth_limit)

    def check(self, destination: str) -> None:
        self._allow(destination, self._write_to, "storage.write_to")

    def check_source(self, uri: str) -> None:
        if not is_https(uri):
            self._allow(uri, self._read_from, "inputs.read_from")

    def put(
        self,
        source: BinaryIO,
        uri: str,
        *,
        sha256: str,
        options: PutOptions,
        transfer: Transfer = NEW_TRANSFER,
    ) -> StoredObject:
        self.check(uri)
        target = self.path(uri)
        if transfer.upload_id:
            _remove_part(target.with_name(Path(transfer.upload_id).name))
        partial = Path(part_path(target))
        note = transfer.on_upload_id or (lambda upload_id: None)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            note(partial.name)
            with partial.open("xb") as file:
                size, digest = _copy(source, file, transfer.on_bytes, self._pace)
                os.fsync(file.fileno())
            if digest != sha256:
                raise StorageError(f"{uri}: the file changed while it was stored", transient=True)
            move_into_place(partial, target)
            note(None)
            return StoredObject(uri, size, digest, _version(target.stat()))
        except OSError as error:
            raise _failed("store", uri, error) from error
        finally:
            remove_if_there(partial)

    def abandon(self, uri: str) -> None:
        """Nothing to do: what a crash leaves is removed when the upload is continued, and is never listed."""

    def stat(self, uri: str) -> StoredObject | None:
        path = self.path(uri)
        if is_folder(uri):
            return None
        try:
            found = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _failed("look up", uri, error) from error
        return StoredObject(uri, found.st_size, None, _version(found)) if S_ISREG(found.st_mode) else None

    def list(self, prefix: str) -> Sequence[tuple[StoredObject, float]]:
        folder = self.path(prefix.rstrip("/") or prefix)
        objects = []
        try:
            for file in sorted(folder.rglob("*"), key=Path.as_posix) if folder.is_dir() else ():
                if file.is_file() and not is_part(file.name):
                    found = file.stat()
                    uri = join(prefix, *file.relative_to(folder).parts)
                    objects.append((StoredObject(uri, found.st_size, None, _version(found)), found.st_mtime))
        except OSError as error:
            raise _failed("list", prefix, error) from error
        return objects

    def presign(self, uri: str, *, expires_s: int, version: str = "") -> str:
        self.check_source(uri)
        return self.path(uri).as_uri()

    def path(self, uri: str) -> Path:
        """The file of an address."""
        if is_s3(uri):
            bucket, key = split_s3(uri)
            if os.name == "nt" and ("\\" in key or ":" in key):
                raise refused(f"{uri!r} has a character that no file name on Windows may have")
            return self._root / bucket / key
        return local_path(uri)

    def _allow(self, uri: str, allowed: Sequence[str], key: str) -> None:
        path = self.path(uri)
        if is_s3(uri):
            if allowed:
                check_within(uri, allowed, key)
        elif not within(uri, allowed) and not path.resolve().is_relative_to(self._root):
            raise not_allowed(uri, key)


def _copy(source: BinaryIO, target: BinaryIO, on_bytes: OnBytes | None, pace: Pace) -> tuple[int, str]:
    source.seek(0)
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK_BYTES):
        pace.take(len(chunk))
        digest.update(chunk)
        target.write(chunk)
        size += len(chunk)
        if on_bytes is not None:
            on_bytes(len(chunk))
    target.flush()
    return size, digest.hexdigest()


def _remove_part(path: Path) -> None:
    if is_part(path.name):
        remove_if_there(path)


def _version(found: os.stat_result) -> str:
    return f"{found.st_mtime_ns:x}-{found.st_size:x}"


def _failed(what: str, uri: str, error: OSError) -> StorageError:
    reason = error.strerror or type(error).__name__
    return StorageError(f"cannot {what} {uri}: {reason}", transient=error.errno in _WAIT_FOR)
