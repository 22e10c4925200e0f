"""The environment variables of actions: what they may see of this process's, and the commands on their path."""

from __future__ import annotations

import os
import shlex
import sys
import sysconfig
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from ..config import CONFIG_VARIABLE
from ..lifeline import ENGINE_LOG_VARIABLE, LIFELINE_VARIABLE
from ..redaction import secrets_in

COMMANDS = {"openjd-vs": "openjd_vstitcher.cli", "vstitcher-openjd": "openjd_vstitcher.engine"}
"""The commands that our templates call, and the modules that they run."""

_OF_THE_USER = ("HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XAUTHORITY")
"""What another user of the machine has values of its own for."""
_OF_THE_SYSTEM = (
    *("PATH", "LANG", "LANGUAGE", "LC_*", "TZ", "TZDIR", "DISPLAY", "WAYLAND_DISPLAY", "LD_LIBRARY_PATH"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "OMP_*", "OPENBLAS_*", "MKL_*", "NUMBA_NUM_THREADS", "OPENJD_VS_*"),
)
_OF_WINDOWS = (
    *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "OS", "TEMP", "TMP", "USERNAME", "USERDOMAIN"),
    *("USERPROFILE", "HOMEDRIVE", "HOMEPATH", "PUBLIC", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "ALLUSERSPROFILE"),
    *("PROGRAMFILES*", "PROGRAMW6432", "COMMONPROGRAM*", "COMPUTERNAME", "NUMBER_OF_PROCESSORS", "PROCESSOR_*"),
)
_ISOLATED = {"PYTHONSAFEPATH": "1", "PYTHONNOUSERSITE": "1"}
"""No module from the current directory, the script's directory or the user's own packages."""


def session_environment(
    inherited: Mapping[str, str],
    *,
    lifeline: str,
    engine_log: Path,
    config: Path | None,
    secrets: Collection[str] | None = (),
) -> dict[str, str | None]:
    """The changes to the inherited environment variables for actions on a desk. None removes a variable.

    Parameters
    ----------
    inherited: the environment variables of this process.
    lifeline: the address of this process's `Lifeline`.
    engine_log: the file for the output of the engine.
    config: the configuration file for the commands of the session.
    secrets: the names of further variables that hold credentials; None to withhold no credential.
    """
    changes: dict[str, str | None] = {} if secrets is None else dict.fromkeys(secrets_in(inherited, secrets))
    changes["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), inherited.get("PATH", os.defpath)])
    changes[LIFELINE_VARIABLE] = lifeline
    changes[ENGINE_LOG_VARIABLE] = str(engine_log)
    if config is not None:
        changes[CONFIG_VARIABLE] = str(config)
    return changes


def queue_environment(
    inherited: Mapping[str, str],
    desk: Mapping[str, str | None],
    *,
    commands: Path,
    pass_on: Collection[str],
    other_user: bool,
) -> dict[str, str | None]:
    """The same for a job from the queue: only variables that are known to be harmless stay (Law 5, Law 9).

    Parameters
    ----------
    desk: what `session_environment` says.
    commands: the directory that `write_commands` filled.
    pass_on: the configured names of further variables; a name may end in `*`.
    other_user: actions run as another user, whose login begins with a new environment.
    """
    harmless = (*_OF_THE_SYSTEM, *_OF_WINDOWS, *(() if other_user else _OF_THE_USER), *pass_on)
    changes = dict(desk)
    for name, value in inherited.items():
        if name not in changes:
            changes[name] = value if any(fnmatchcase(name, pattern) for pattern in harmless) else None
    changes["PATH"] = os.pathsep.join([str(commands), *filter(None, [changes.get("PATH")])])
    if other_user:
        changes = {name: value for name, value in changes.items() if value is not None or name not in _OF_THE_USER}
    return {**changes, **_ISOLATED}


def write_commands(directory: Path) -> Path:
    """Fill a directory with our commands in a form that starts Python isolated, to be first on the path of actions.

    `python -I` ignores all variables named PYTHON…, the user's own packages and the current directory, so no input can
    become a module that Python loads. Windows has nothing to write: it finds the installed `.exe` launchers, to which
    no option can be given. There PYTHONSAFEPATH and PYTHONNOUSERSITE stand in for it, and no other variable named
    PYTHON… is inherited.

    Raises
    ------
    OSError: it cannot be written.
    """
    directory.mkdir(mode=0o755, exist_ok=True)
    if os.name == "posix":
        for name, module in COMMANDS.items():
            script = directory / name
            # Group permissions, so that a session user's outputs can be read and removed by this user.
            script.write_text(
                f'#!/bin/sh\numask 0007\nexec {shlex.quote(sys.executable)} -I -m {module} "$@"\n', encoding="utf-8"
            )
            script.chmod(0o755)
    return directory
