"""Makes files and directories that only their owner can open on Windows, where a POSIX mode has no effect."""

from __future__ import annotations

import ctypes
from typing import Any

_REVISION = 1
_READ_WRITE = 0x8000_0000 | 0x4000_0000
_SHARE_ALL = 0x1 | 0x2 | 0x4
_CREATE_NEW = 1
_NORMAL = 0x80
_INVALID_HANDLE = ctypes.c_void_p(-1).value
_ALREADY_THERE = (80, 183)

FILE = "D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;OW)"
DIRECTORY = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;OW)"
"""Full access for the system, the administrators and the owner; nothing is inherited from above. What is made in the
directory later inherits it. It is what `os.mkdir(mode=0o700)` sets from Python 3.13 on.

https://learn.microsoft.com/windows/win32/secauthz/security-descriptor-string-format
"""


class SecurityAttributes(ctypes.Structure):
    """SECURITY_ATTRIBUTES."""

    _fields_ = (("length", ctypes.c_uint32), ("descriptor", ctypes.c_void_p), ("inherit_handle", ctypes.c_int))


def create_file(path: str, kernel: Any = None, security: Any = None) -> None:
    """Create an empty file that is its owner's only from the first moment.

    Parameters
    ----------
    kernel, security: the functions of kernel32.dll and advapi32.dll; given by tests.

    Raises
    ------
    OSError: it cannot be created; FileExistsError if it is there already.
    """
    kernel = kernel or _kernel32()

    def create(attributes: Any) -> bool:
        handle = kernel.CreateFileW(path, _READ_WRITE, _SHARE_ALL, attributes, _CREATE_NEW, _NORMAL, None)
        if handle in (None, _INVALID_HANDLE):
            return False
        kernel.CloseHandle(handle)
        return True

    _create(path, FILE, create, kernel, security)


def create_directory(path: str, kernel: Any = None, security: Any = None) -> None:
    """Create a directory that is its owner's only, and so is what is made in it later; see `create_file`."""
    kernel = kernel or _kernel32()
    _create(path, DIRECTORY, lambda attributes: kernel.CreateDirectoryW(path, attributes), kernel, security)


def _create(path: str, access: str, create: Any, kernel: Any, security: Any) -> None:
    descriptor = ctypes.c_void_p()
    convert = (security or _advapi32()).ConvertStringSecurityDescriptorToSecurityDescriptorW
    if not convert(access, _REVISION, ctypes.byref(descriptor), None):
        raise _failed(path, kernel)
    attributes = SecurityAttributes(ctypes.sizeof(SecurityAttributes), descriptor, False)
    try:
        if not create(ctypes.byref(attributes)):
            raise _failed(path, kernel)
    finally:
        kernel.LocalFree(descriptor)


def _failed(path: str, kernel: Any) -> OSError:
    code = kernel.GetLastError()
    if code in _ALREADY_THERE:
        return FileExistsError(17, "File exists", path)
    return OSError(22, f"Windows error {code}", path, code)


def _kernel32() -> Any:
    kernel = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined]  # exists on Windows only
    kernel.CreateFileW.restype = ctypes.c_void_p
    kernel.CreateFileW.argtypes = (
        ctypes.c_wchar_p,
        ctypes.c_uint32,
        ctypes.c_uint32,
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_uint32,
        ctypes.c_void_p,
    )
    kernel.CloseHandle.argtypes = (ctypes.c_void_p,)
    kernel.CreateDirectoryW.argtypes = (ctypes.c_wchar_p, ctypes.c_void_p)
    kernel.LocalFree.argtypes = (ctypes.c_void_p,)
    return kernel


def _advapi32() -> Any:
    security = ctypes.WinDLL("advapi32")  # type: ignore[attr-defined]  # exists on Windows only
    security.ConvertStringSecurityDescriptorToSecurityDescriptorW.argtypes = (
        ctypes.c_wchar_p,
        ctypes.c_uint32,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    return security
