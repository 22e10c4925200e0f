"""Storage in a directory of this machine, where `s3://bucket/key` is the file `bucket/key`."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, BinaryIO

from filelock import FileLock, Timeout

from ..errors import StorageError
from ..files import is_machine_fault, is_part, move_into_place, part_path, remove_if_there
from .address import (
    check_within,
    is_folder,
    is_https,
    is_remote,
    is_s3,
    join,
    local_path,
    not_allowed,
    refused,
    split_s3,
    within,
)
from .pace import Pace
from .ports import NEW_TRANSFER, ObjectChanged, OnBytes, Transfer
from .values import PutOptions, StoredObject

if TYPE_CHECKING:
    from ..config import StorageConfig

_CHUNK_BYTES = 1 << 20
_LOCK_LIMIT_S = 10.0
_WAIT_FOR = {errno.ETIMEDOUT, errno.EAGAIN, errno.EBUSY}
"""Errors that pass by themselves, as on a network drive, beside those of the machine."""


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
            self._refuse_link_out(uri)

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
        self.abandon(uri, transfer.upload_id or "")
        partial = Path(part_path(target))
        try:
            self._expect(uri, transfer.replaces)
            target.parent.mkdir(parents=True, exist_ok=True)
            transfer.on_upload_id(partial.name)
            with partial.open("xb") as file:
                size, digest = _copy(source, file, transfer.on_bytes, self._pace)
                os.fsync(file.fileno())
            if digest != sha256:
                raise StorageError(f"{uri}: the file changed while it was stored", transient=True)
            written = partial.stat()
            transfer.guard()
            with self._locked(uri) if transfer.replaces is not None else nullcontext():
                self._expect(uri, transfer.replaces)
                move_into_place(partial, target)
            transfer.on_upload_id(None)
            return StoredObject(uri, size, digest, _version(written), _etag(written))
        except OSError as error:
            raise _failed("store", uri, error) from error
        finally:
            remove_if_there(partial)

    def abandon(self, uri: str, upload_id: str) -> None:
        name = Path(upload_id).name
        if is_part(name):
            remove_if_there(self.path(uri).with_name(name))

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
        if not S_ISREG(found.st_mode):
            return None
        return StoredObject(uri, found.st_size, None, _version(found), _etag(found))

    def list(self, prefix: str, *, most: int | None = None) -> Sequence[tuple[StoredObject, float]]:
        folder = self.path(prefix.rstrip("/") or prefix)
        objects = []
        try:
            whole = (file for file in folder.rglob("*") if file.is_file() and not is_part(file.name))
            for file in sorted(islice(whole, most), key=Path.as_posix):
                found = file.stat()
                uri = join(prefix, *file.relative_to(folder).parts)
                objects.append((StoredObject(uri, found.st_size, None, _version(found)), found.st_mtime))
        except OSError as error:
            raise _failed("list", prefix, error) from error
        return objects

    def presign(self, uri: str, *, expires_s: int, version: str = "") -> str:
        self.check_source(uri)
        return self.path(uri).resolve().as_uri()

    def link(self, uri: str, *, expires_s: int) -> str:
        self.check(uri)
        path = self.path(uri)
        if path.is_symlink():
            raise refused(f"{uri!r} is a symbolic link")
        return path.resolve().as_uri()

    def path(self, uri: str) -> Path:
        """The file of an address."""
        if is_s3(uri):
            bucket, key = split_s3(uri)
            if os.name == "nt" and ("\\" in key or ":" in key):
                raise refused(f"{uri!r} has a character that no file name on Windows may have")
            return self._root / bucket / key
        return local_path(uri)

    def _expect(self, uri: str, etag: str | None) -> None:
        """Accept only the object with this etag, "" for none, None for any."""
        if etag is not None:
            found = self.stat(uri)
            if (found.etag if found else "") != etag:
                raise ObjectChanged(uri)

    @contextmanager
    def _locked(self, uri: str) -> Iterator[None]:
        """Keep other processes from replacing an object. There are 256 locks for all objects, so that few are left."""
        folder = self._root / ".locks"
        folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(str(self.path(uri)).encode()).hexdigest()[:2]
        try:
            with FileLock(folder / name, timeout=_LOCK_LIMIT_S):
                yield
        except Timeout as error:
            raise StorageError(f"cannot store {uri}: another process is storing something", transient=True) from error

    def _allow(self, uri: str, allowed: Sequence[str], key: str) -> None:
        path = self.path(uri)
        if is_s3(uri):
            if allowed:
                check_within(uri, allowed, key)
        elif not within(uri, allowed) and not path.resolve().is_relative_to(self._root):
            raise not_allowed(uri, key)

    def _refuse_link_out(self, uri: str) -> None:
        """A symbolic link may lead to another place that inputs can come from, but to no other."""
        path = self.path(uri).resolve()
        if is_s3(uri):
            roots = [self._root / split_s3(uri)[0]]
        else:
            roots = [self._root, *(local_path(prefix) for prefix in self._read_from if not is_remote(prefix))]
        if not any(path.is_relative_to(root.resolve()) for root in roots):
            raise refused(f"{uri!r} is a symbolic link that leads out of what inputs.read_from allows")


def _copy(source: BinaryIO, target: BinaryIO, on_bytes: OnBytes, pace: Pace) -> tuple[int, str]:
    source.seek(0)
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK_BYTES):
        pace.take(len(chunk))
        digest.update(chunk)
        target.write(chunk)
        size += len(chunk)
        on_bytes(len(chunk))
    target.flush()
    return size, digest.hexdigest()


def _version(found: os.stat_result) -> str:
    return f"{found.st_mtime_ns:x}-{found.st_size:x}"


def _etag(found: os.stat_result) -> str:
    return f"{found.st_ino:x}-{_version(found)}"


def _failed(what: str, uri: str, error: OSError) -> StorageError:
    reason = error.strerror or type(error).__name__
    return StorageError(f"cannot {what} {uri}: {reason}", transient=error.errno in _WAIT_FOR or is_machine_fault(error))
