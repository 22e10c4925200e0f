"""The user that runs the actions of a session, where that is not this process's own (OpenJD's session user)."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from openjd.sessions import PosixSessionUser, SessionUser, WindowsSessionUser

from ..errors import OpenjdVsError

_SUDO_LIMIT_S = 20.0
_LOGON_INTERACTIVE = 2
_PROVIDER_DEFAULT = 0


class SessionUserError(OpenjdVsError):
    """The session user cannot be used. It is the machine's fault, so a job goes back into the queue, uncounted."""

    transient = True


def session_user(name: str, *, group: str = "", password: str | None = None) -> SessionUser:
    """The session user of this machine with a name.

    Parameters
    ----------
    group: POSIX: a group that only this process's user and the session user are in; "": named like the user.
    password: Windows only.

    Raises
    ------
    SessionUserError: there is no such user or group, or the password is wrong.
    """
    try:
        if os.name == "posix":
            return _posix_user(name, group or name)
        return _windows_user(name, password or "")
    except OpenjdVsError:
        raise
    except Exception as error:  # the libraries for Windows raise classes of their own
        raise SessionUserError(f"worker.session_user: {name!r} cannot be used: {error}") from error


def check_reach(user: SessionUser, directory: Path) -> None:
    """Check that the session user can be used, and can write to a directory (POSIX).

    Raises
    ------
    SessionUserError: with what is missing.
    """
    if os.name != "posix" or user.is_process_user():
        return
    sudo = shutil.which("sudo", path="/usr/bin:/bin:/usr/local/bin")
    if sudo is None:
        raise SessionUserError("worker.session_user needs sudo, which is not installed")
    command = [sudo, "-n", "-u", user.user, "-i", "test", "-w", str(directory)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SUDO_LIMIT_S, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise SessionUserError(f"worker.session_user: sudo failed: {error}") from error
    if done.returncode:
        reason = done.stderr.strip() or f"it cannot write to {directory}; can it enter the directories above?"
        raise SessionUserError(f"worker.session_user: {user.user!r} cannot be used: {reason}")


def _posix_user(name: str, group: str) -> SessionUser:
    if sys.platform == "win32":
        raise AssertionError("POSIX only")
    import grp
    import pwd

    for what, find in (("user", pwd.getpwnam), ("group", grp.getgrnam)):
        wanted = name if what == "user" else group
        try:
            find(wanted)
        except KeyError:
            raise SessionUserError(f"worker.session_{what}: this machine has no {what} {wanted!r}") from None
    return PosixSessionUser(name, group=group)


def _windows_user(name: str, password: str) -> SessionUser:
    """As the documentation of `WindowsSessionUser` says: a service must log the user on itself."""
    kernel, security = _windows_libraries()
    session = ctypes.c_ulong()
    if not kernel.ProcessIdToSessionId(os.getpid(), ctypes.byref(session)) or session.value != 0:
        return WindowsSessionUser(name, password=password)
    domain, _, user = name.rpartition("\\")
    token = ctypes.c_void_p()
    logged_on = security.LogonUserW(
        user, domain or None, password, _LOGON_INTERACTIVE, _PROVIDER_DEFAULT, ctypes.byref(token)
    )
    if not logged_on:
        raise SessionUserError(f"worker.session_user: Windows refused the logon of {name!r}: {kernel.GetLastError()}")
    return WindowsSessionUser(name, logon_token=token)  # a HANDLE is a void pointer


def _windows_libraries() -> tuple[Any, Any]:
    return ctypes.WinDLL("kernel32"), ctypes.WinDLL("advapi32")  # type: ignore[attr-defined]  # Windows only
