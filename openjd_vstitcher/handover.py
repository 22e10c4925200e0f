"""Hands secrets to a process over a descriptor, because other processes can read the environment that it began with.

Linux shows the first environment of a process in `/proc/PID/environ` to every process of the same user, for as long as
it lives. Variables that it sets itself are in its memory only, which `make_unreadable` closes too.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Mapping

from .errors import OpenjdVsError
from .redaction import secrets_in

SECRETS_VARIABLE = "OPENJD_VS_SECRETS"
"""Names the descriptor from which a process must read its secrets, as a JSON object."""

_PR_SET_DUMPABLE = 4
_MOST_BYTES = 48 << 10
"""What a pipe surely takes without a reader."""


def split(environment: Mapping[str, str], also: Collection[str] = ()) -> tuple[dict[str, str], dict[str, str]]:
    """An environment without its secrets, and the secrets.

    Parameters
    ----------
    also: variables that are secrets whatever they are named.
    """
    secrets = secrets_in(environment, also)
    return {name: value for name, value in environment.items() if name not in secrets}, secrets


def encode(secrets: Mapping[str, str]) -> bytes:
    """What to write to the descriptor."""
    return json.dumps(dict(secrets)).encode("ascii")


def receive() -> bool:
    """Read the secrets that were handed over, if any, into `os.environ`. Returns whether there were any.

    Raises
    ------
    OpenjdVsError: the process that hands them over ended before it did.
    """
    descriptor = os.environ.pop(SECRETS_VARIABLE, "")
    if not descriptor:
        return False
    try:
        with os.fdopen(int(descriptor), "rb", closefd=int(descriptor) > 2) as pipe:
            os.environ.update(json.loads(pipe.read()))
    except (OSError, ValueError) as error:
        raise OpenjdVsError("the secrets of this process were not handed over completely") from error
    return True


def restart_without_secrets(also: Collection[str] = ()) -> None:
    """If this process began with secrets in its environment, begin it again without, and hand them over to itself.

    It stays the same process for its parent. Does nothing on Windows, where a process cannot be replaced, and where
    every process of the same user can read the memory of this one anyway; nor if it was begun again already.

    Parameters
    ----------
    also: variables that are secrets whatever they are named.

    Raises
    ------
    OpenjdVsError: the secrets are too long to hand over.
    """
    if os.name != "posix":
        return
    plain, secrets = split(os.environ, also)
    if not secrets:
        return
    data = encode(secrets)
    if len(data) > _MOST_BYTES:
        raise OpenjdVsError(f"the environment holds {len(data)} bytes of secrets; expected at most {_MOST_BYTES}")
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    os.set_inheritable(reading, True)
    plain[SECRETS_VARIABLE] = str(reading)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], plain)  # noqa: S606  # no shell is involved


def make_unreadable() -> None:
    """Keep other processes of the same user from reading this one's memory, environment and descriptors (Linux)."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
