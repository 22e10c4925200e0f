"""Writes files whole: no reader and no crash ever meets a partial one. Imports little, so that clients start fast."""

from __future__ import annotations

import errno
import json
import os
import time
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, BinaryIO

    StrPath = str | os.PathLike[str]

READ_UNTRUSTED = os.O_RDONLY
"""For `os.open` of a file that others could have replaced: it follows no link and waits for no pipe."""
for _name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"):
    READ_UNTRUSTED |= getattr(os, _name, 0)
_SUFFIX = ".part"
_IN_USE = (5, 32)
"""Windows errors (access denied, sharing violation) of a rename onto a file that another process has open."""
_FOR_OTHERS = 0o077
_MACHINE_FAULTS = {
    errno.ENOSPC,
    errno.EROFS,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    *(getattr(errno, name) for name in ("EDQUOT", "ESTALE") if hasattr(errno, name)),
}
_IN_USE_LIMIT_S = 2.0
_IN_USE_PAUSE_S = 0.02


def write_whole(path: StrPath, text: str) -> None:
    """Replace a file's text. Only its owner may read it.

    Raises
    ------
    OSError: it could not be written; the old file is still there.
    """
    with whole_file(path) as file:
        file.write(text.encode("utf-8"))


def write_json(path: StrPath, value: Any, *, default: Callable[[Any], Any] | None = None) -> None:
    """Replace a file by a value as JSON, as `write_whole` does.

    Parameters
    ----------
    default: turns what JSON does not know into something that it does.
    """
    write_whole(path, json.dumps(value, indent=1, default=default))


def read_whole(path: StrPath) -> str:
    """Read a file that `write_whole` replaces. On Windows, wait a moment where it is just being replaced.

    Raises
    ------
    OSError: it cannot be read.
    UnicodeDecodeError: it is not UTF-8.
    """
    deadline = time.monotonic() + _IN_USE_LIMIT_S
    while True:
        try:
            with open(path, encoding="utf-8") as file:
                return file.read()
        except PermissionError:
            if os.name != "nt" or time.monotonic() >= deadline:
                raise
        time.sleep(_IN_USE_PAUSE_S)


def open_for_owner(path: StrPath, flags: int) -> int:
    """Open a file as `os.open` does; if that creates it, only its owner may open it.

    Raises
    ------
    OSError: as of `os.open`.
    """
    if os.name == "nt" and flags & os.O_CREAT:
        from .windows_access import create_file

        try:
            create_file(os.fspath(path))
        except FileExistsError:
            if flags & os.O_EXCL:
                raise
        flags &= ~(os.O_CREAT | os.O_EXCL)
    return os.open(path, flags, 0o600)


def make_directory_for_owner(path: StrPath, *, exist_ok: bool = False) -> None:
    """Make a directory that only its owner may enter, and those above it that are missing.

    Raises
    ------
    OSError: it cannot be made; FileExistsError if it is there already, unless that is `exist_ok`.
    """
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    try:
        if os.name == "nt":
            from .windows_access import create_directory

            create_directory(os.fspath(path))
        else:
            os.mkdir(path, 0o700)
    except FileExistsError:
        if not exist_ok or not os.path.isdir(path):
            raise


@contextmanager
def whole_file(path: StrPath, *, mode: int = 0o600, durable: bool = True) -> Iterator[BinaryIO]:
    """A new file to write to, which takes the place of `path` when the block ends without an error.

    Parameters
    ----------
    mode: permissions of the file, less the umask. On Windows one that gives nothing to others keeps them out too.
    durable: wait until the disk has it, so that it survives a power failure.
    """
    part = part_path(path)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(part, flags, mode) if mode & _FOR_OTHERS else open_for_owner(part, flags)
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        move_into_place(part, path, durable=durable)
    except BaseException:
        remove_if_there(part)
        raise


def part_path(path: StrPath) -> str:
    """A new name for a partial file in the same directory. No two writers get the same one."""
    return os.path.join(os.path.dirname(os.fspath(path)), f".{os.urandom(8).hex()}{_SUFFIX}")


def is_part(name: str) -> bool:
    """Whether a file name is one that `part_path` gives: what a crash left of a write."""
    return name.startswith(".") and name.endswith(_SUFFIX)


def move_into_place(part: StrPath, path: StrPath, *, durable: bool = True) -> None:
    """Rename a finished part over `path`. On Windows, wait a moment for a reader to close the old file.

    Parameters
    ----------
    durable: wait until the disk has the new name. The part's own bytes must be on disk by then.

    Raises
    ------
    OSError: it could not be renamed; the part is still there.
    """
    deadline = time.monotonic() + _IN_USE_LIMIT_S
    while True:
        try:
            os.replace(part, path)
            break
        except PermissionError as error:
            if getattr(error, "winerror", None) not in _IN_USE or time.monotonic() >= deadline:
                raise
        time.sleep(_IN_USE_PAUSE_S)
    if durable and os.name != "nt":
        _sync_directory(os.path.dirname(os.fspath(path)) or ".")


def is_machine_fault(error: OSError) -> bool:
    """Whether the machine is to blame: a full, read-only or broken disk, no memory or no descriptors left."""
    return error.errno in _MACHINE_FAULTS


def sha256_of(path: StrPath) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    import hashlib

    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_if_there(path: StrPath) -> None:
    """Remove a file, or what can be removed of it: for clearing up after an error that matters more."""
    try:
        os.unlink(path)
    except OSError:
        return


def _sync_directory(path: str) -> None:
    """Some network drives cannot sync a directory; the rename stands all the same."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        return
    finally:
        os.close(descriptor)
