"""Makes files and directories that only their owner can open on Windows, where a POSIX mode has no effect."""

from __future__ import annotations

from typing import Any

import ntsecuritycon
import pywintypes
import win32api
import win32con
import win32file
import win32security

_ALREADY_THERE = (80, 183)


def create_file(path: str) -> None:
    """Create an empty file that is only this user's from the first moment.

    Raises
    ------
    OSError: it cannot be created; FileExistsError if it is there already.
    """
    share = win32con.FILE_SHARE_READ | win32con.FILE_SHARE_WRITE | win32con.FILE_SHARE_DELETE
    try:
        win32file.CreateFile(
            path,
            win32con.GENERIC_READ | win32con.GENERIC_WRITE,
            share,
            _access(inherited=False),
            win32con.CREATE_NEW,
            win32con.FILE_ATTRIBUTE_NORMAL,
            None,
        ).Close()
    except pywintypes.error as error:
        raise _as_os_error(error, path) from None


def create_directory(path: str) -> None:
    """Create a directory that is only this user's, as is what anyone makes in it later.

    Raises
    ------
    OSError: it cannot be created; FileExistsError if it is there already.
    """
    try:
        win32file.CreateDirectoryW(path, _access(inherited=True))
    except pywintypes.error as error:
        raise _as_os_error(error, path) from None


def _access(*, inherited: bool) -> Any:
    """Full access for this user, the system and the administrators, and nothing from the directory above.

    An owner may always change the access list, unless a rule for "owner rights" says otherwise. So a session user keeps
    no hold on the outputs that it has made: https://learn.microsoft.com/windows/win32/secauthz/well-known-sids
    """
    token = win32security.OpenProcessToken(win32api.GetCurrentProcess(), win32con.TOKEN_QUERY)
    user = win32security.GetTokenInformation(token, win32security.TokenUser)[0]
    rules = win32security.ACL()
    flags = win32con.OBJECT_INHERIT_ACE | win32con.CONTAINER_INHERIT_ACE if inherited else 0
    for sid, rights in (
        (user, ntsecuritycon.FILE_ALL_ACCESS),
        (win32security.CreateWellKnownSid(win32security.WinLocalSystemSid), ntsecuritycon.FILE_ALL_ACCESS),
        (win32security.CreateWellKnownSid(win32security.WinBuiltinAdministratorsSid), ntsecuritycon.FILE_ALL_ACCESS),
        (win32security.ConvertStringSidToSid("S-1-3-4"), win32con.READ_CONTROL),
    ):
        rules.AddAccessAllowedAceEx(win32security.ACL_REVISION_DS, flags, rights, sid)
    attributes = win32security.SECURITY_ATTRIBUTES()
    attributes.SECURITY_DESCRIPTOR.SetSecurityDescriptorDacl(True, rules, False)
    attributes.SECURITY_DESCRIPTOR.SetSecurityDescriptorControl(
        win32security.SE_DACL_PROTECTED, win32security.SE_DACL_PROTECTED
    )
    return attributes


def _as_os_error(error: Any, path: str) -> OSError:
    if error.winerror in _ALREADY_THERE:
        return FileExistsError(17, "File exists", path)
    return OSError(22, error.strerror, path, error.winerror)
