"""Opens what an engine left in the output directory, trusting none of it: no links, no pipes, nothing outside."""

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

_CHUNK_BYTES = 1 << 20
_STANDS_FOR_ANOTHER = 0x2000_0000


class OutputRefused(OpenjdVsError):
    """A file in the output directory that may not be an output; the message says why."""


class NotSettled(OpenjdVsError):
    """A file that is still being made; the message says how that shows."""


class EmptyOutput(NotSettled):
    """A file without a byte: made, but nothing is written to it."""


class OutputDirectory:
    """The output directory, held open where the system can, so that it cannot be swapped for another.

    Parameters
    ----------
    path: the directory; it is made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path.resolve()
        self._descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)) if _HAS_DIR_FD else None

    def close(self) -> None:
        """Let go of the directory."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def look(self, name: str) -> os.stat_result | None:
        """What is under a name, without following a link; None when there is nothing."""
        try:
            return os.stat(self._at(name), dir_fd=self._descriptor, follow_symlinks=False)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENAMETOOLONG, errno.EINVAL, errno.ENOTDIR):
                return None
            raise

    def names(self) -> list[str]:
        """The names of all that is directly in the directory."""
        return os.listdir(self.path if self._descriptor is None else self._descriptor)  # noqa: PTH208

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open an output for reading.

        Raises
        ------
        FileNotFoundError: there is none.
        OutputRefused: it is no plain file, or has a second name.
        """
        found = self.look(name)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        _refuse(found)
        try:
            descriptor = os.open(self._at(name), _READ, dir_fd=self._descriptor)
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
    """What tells this file from another one, and from itself after a change."""
    return f"{found.st_dev:x}:{found.st_ino:x}:{found.st_size:x}:{found.st_mtime_ns:x}"


def digest(file: BinaryIO) -> tuple[str, os.stat_result]:
    """The SHA-256 of an open output and what it is.

    Raises
    ------
    NotSettled: it is empty, open for writing elsewhere, or changed while it was read.
    """
    before = os.fstat(file.fileno())
    if before.st_size == 0:
        raise EmptyOutput("it is empty")
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
        """Whether another program has it open for writing, as far as this system tells."""
        descriptor = file.fileno()
        try:
            # A lease is refused while there is a writer. A writer that comes meanwhile sends a signal: a harmless one.
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
        """Whether another program has it open for writing, as far as this system tells."""
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
        """Whether another program has it open for writing, as far as this system tells."""
        return False


def _refuse(found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise OutputRefused("it is a symbolic link")
    if getattr(found, "st_reparse_tag", 0) & _STANDS_FOR_ANOTHER:
        raise OutputRefused("it is a reparse point that leads elsewhere")
    if not stat.S_ISREG(found.st_mode):
        raise OutputRefused(f"it is no file but a {_kind(found.st_mode)}")
    if found.st_nlink > 1:
        raise OutputRefused("it has a second name (hard link)")


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "directory", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
    return kinds.get(stat.S_IFMT(mode), "device")


_HAS_DIR_FD = os.open in os.supports_dir_fd and os.stat in os.supports_dir_fd and os.listdir in os.supports_fd
_READ = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
