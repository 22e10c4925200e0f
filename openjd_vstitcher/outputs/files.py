"""Opens files in the output directory without trusting them: no links, no pipes, nothing outside the directory."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import OpenjdVsError
from ..files import READ_UNTRUSTED

_CHUNK_BYTES = 1 << 20
_NAME_SURROGATE = 0x2000_0000


class OutputRefused(OpenjdVsError):
    """A file in the output directory is not acceptable as an output. The message says why."""


class NotSettled(OpenjdVsError):
    """A file is still being written. The message says how this was detected."""


class EmptyOutput(NotSettled):
    """A file has no content yet."""


class OutputDirectory:
    """The output directory. It is held open where the system supports that, so it cannot be replaced by another.

    Parameters
    ----------
    path: the directory. It is created if it does not exist.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path.resolve()
        self._descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)) if _HAS_DIR_FD else None

    def close(self) -> None:
        """Close the directory."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def look(self, name: str) -> os.stat_result | None:
        """The status of a file, without following links; None if it does not exist."""
        try:
            return os.stat(self._at(name), dir_fd=self._descriptor, follow_symlinks=False)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENAMETOOLONG, errno.EINVAL, errno.ENOTDIR):
                return None
            raise

    def names(self) -> list[str]:
        """The names of all entries of the directory."""
        return os.listdir(self.path if self._descriptor is None else self._descriptor)  # noqa: PTH208

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open an output for reading.

        Raises
        ------
        FileNotFoundError: it does not exist.
        OutputRefused: it is not a regular file, or has a second name.
        """
        found = self.look(name)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        _refuse(found)
        try:
            descriptor = os.open(self._at(name), READ_UNTRUSTED, dir_fd=self._descriptor)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise OutputRefused("it is a symbolic link") from error
            raise
        with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123  (a descriptor has no path)
            opened = os.fstat(descriptor)
            _refuse(opened)
            if (opened.st_dev, opened.st_ino) != (found.st_dev, found.st_ino):
                raise NotSettled("it was replaced by another file while it was opened")
            yield file

    def _at(self, name: str) -> str:
        return name if self._descriptor is not None else str(self.path / name)


def identity(found: os.stat_result) -> str:
    """Identifies a file and its content: it differs for another file, and after a change."""
    return f"{found.st_dev:x}:{found.st_ino:x}:{found.st_size:x}:{found.st_mtime_ns:x}"


def digest(file: BinaryIO) -> tuple[str, os.stat_result]:
    """The SHA-256 of an open output, and its status.

    Raises
    ------
    NotSettled: it is empty, another program has it open for writing, or it changed while it was read.
    """
    before = os.fstat(file.fileno())
    if before.st_size == 0:
        raise EmptyOutput("the file is empty")
    if open_for_writing(file):
        raise NotSettled("another program still has it open for writing")
    sha256 = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(_CHUNK_BYTES):
        sha256.update(chunk)
    if identity(os.fstat(file.fileno())) != identity(before):
        raise NotSettled("it changed while it was read")
    return sha256.hexdigest(), before


if sys.platform == "linux":
    import fcntl
    import signal

    def open_for_writing(file: BinaryIO) -> bool:
        """Whether another program has the file open for writing, if the system can tell."""
        descriptor = file.fileno()
        try:
            # The kernel refuses a lease while there is a writer. A new writer triggers a signal: choose a harmless one.
            fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError as error:
            return error.errno == errno.EAGAIN
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return False

elif sys.platform == "win32":
    import ctypes
    import msvcrt

    def open_for_writing(file: BinaryIO) -> bool:
        """Whether another program has the file open for writing, if the system can tell."""
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        reopen = kernel32.ReOpenFile
        reopen.restype = ctypes.c_void_p
        generic_read, share_read_and_delete = 0x80000000, 0x1 | 0x4
        handle = reopen(ctypes.c_void_p(msvcrt.get_osfhandle(file.fileno())), generic_read, share_read_and_delete, 0)
        if handle in (None, ctypes.c_void_p(-1).value):
            sharing_violation = 32
            return ctypes.get_last_error() == sharing_violation
        kernel32.CloseHandle(ctypes.c_void_p(handle))
        return False

else:

    def open_for_writing(file: BinaryIO) -> bool:
        """Whether another program has the file open for writing, if the system can tell."""
        return False


def _refuse(found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise OutputRefused("it is a symbolic link")
    if getattr(found, "st_reparse_tag", 0) & _NAME_SURROGATE:
        raise OutputRefused("it is a reparse point to another location")
    if not stat.S_ISREG(found.st_mode):
        raise OutputRefused(f"it is not a regular file but a {_kind(found.st_mode)}")
    if found.st_nlink > 1:
        raise OutputRefused("it has a second name (hard link)")


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "directory", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
    return kinds.get(stat.S_IFMT(mode), "device")


_HAS_DIR_FD = os.open in os.supports_dir_fd and os.stat in os.supports_dir_fd and os.listdir in os.supports_fd
