"""Opens a file for a child process to append to, so that this process can truncate it in the meantime."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

_FILE_APPEND_DATA = 0x0004
_SYNCHRONIZE = 0x0010_0000
_SHARE_READ_WRITE_DELETE = 0x1 | 0x2 | 0x4
_OPEN_ALWAYS = 4
_FILE_ATTRIBUTE_NORMAL = 0x80
_INVALID_HANDLE = ctypes.c_void_p(-1).value


def open_for_append(path: Path) -> int:
    """Open a file whose every write goes to its current end, also after it was truncated.

    Returns
    -------
    A file descriptor.

    Raises
    ------
    OSError: the file cannot be opened.
    """
    if sys.platform == "win32":
        import msvcrt

        return msvcrt.open_osfhandle(append_handle(str(path), _kernel32()), os.O_APPEND | os.O_BINARY)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)


def append_handle(path: str, kernel: Any) -> int:
    """Open a file for appending only (Windows).

    A child process inherits the handle but not the append mode of the C runtime. Windows itself appends every write
    of a handle that has FILE_APPEND_DATA without FILE_WRITE_DATA.

    Parameters
    ----------
    kernel: the functions of kernel32.dll.

    Raises
    ------
    OSError: the file cannot be opened.
    """
    handle = kernel.CreateFileW(
        path,
        _FILE_APPEND_DATA | _SYNCHRONIZE,
        _SHARE_READ_WRITE_DELETE,
        None,
        _OPEN_ALWAYS,
        _FILE_ATTRIBUTE_NORMAL,
        None,
    )
    if handle is None or handle == _INVALID_HANDLE:
        raise OSError(f"cannot open {path} for appending: error {kernel.GetLastError()}")
    return int(handle)


def _kernel32() -> Any:
    from ctypes import wintypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]  # exists on Windows only
    kernel.CreateFileW.restype = wintypes.HANDLE
    kernel.CreateFileW.argtypes = (
        wintypes.LPCWSTR,
        wintypes.DWORD,
        wintypes.DWORD,
        ctypes.c_void_p,
        wintypes.DWORD,
        wintypes.DWORD,
        wintypes.HANDLE,
    )
    return kernel
