"""What a service manager needs to know to run the daemon: a systemd unit, a launchd property list. Pure."""

from __future__ import annotations

import plistlib
from collections.abc import Sequence
from pathlib import Path

from ..config import Config

NAME = "openjd-vs"
LABEL = "openjd-vs.daemon"
"""The name of the launchd job."""

_STOP_S = 90
_WATCHDOG_S = 300


def systemd_unit(config: Config, command: Sequence[str], *, user: str) -> str:
    """The unit file.

    `KillMode=process`: attempts need no daemon, so a stop or an upgrade interrupts none of them, and the next daemon
    takes them over. For the same reason the unit has no `PrivateTmp`: two daemons must see the same `/tmp`.

    Parameters
    ----------
    command: the program and its arguments.
    user: runs the service; "" in a user's own service manager, which knows it.
    """
    lines = [
        "[Unit]",
        "Description=openjd-vstitcher: runs VStitcher jobs from the queue",
        "Wants=network-online.target",
        "After=network-online.target",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=notify",
        f"ExecStart={' '.join(map(_quoted, command))}",
        *([f"User={user}"] if user else []),
        "Restart=on-failure",
        "RestartSec=15",
        f"WatchdogSec={_WATCHDOG_S}",
        "KillMode=process",
        f"TimeoutStopSec={_STOP_S}",
        "UMask=0077",
        *(_confinement(config) if user else []),
        "",
        "[Install]",
        f"WantedBy={'multi-user.target' if user else 'default.target'}",
    ]
    return "\n".join(lines) + "\n"


def _confinement(config: Config) -> list[str]:
    """What takes from the service all that the daemon and its jobs do not need. Only the system's manager can do it.

    A session user is reached through sudo, which needs its privileges. Devices stay: an engine may draw with the GPU.
    """
    privileges = ["NoNewPrivileges=yes", "CapabilityBoundingSet=", "RestrictSUIDSGID=yes"]
    return [
        "",
        "# What the daemon and its jobs do not need. The paths are those of the configuration.",
        "ProtectSystem=strict",
        "ProtectHome=read-only",
        *(f"ReadWritePaths={_quoted(str(path))}" for path in written_paths(config)),
        *([] if config.worker.session_user else privileges),
        "LockPersonality=yes",
        "ProtectClock=yes",
        "ProtectControlGroups=yes",
        "ProtectHostname=yes",
        "ProtectKernelLogs=yes",
        "ProtectKernelModules=yes",
        "ProtectKernelTunables=yes",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
        "RestrictNamespaces=yes",
        "RestrictRealtime=yes",
        "SystemCallArchitectures=native",
    ]


def launchd_job(command: Sequence[str], *, log: Path) -> str:
    """The property list of a launch agent: VStitcher has windows, so the daemon runs in its user's session.

    `AbandonProcessGroup`: attempts need no daemon, so its end interrupts none of them.

    Parameters
    ----------
    command: the program and its arguments.
    log: where standard output and error go.
    """
    job = {
        "Label": LABEL,
        "ProgramArguments": list(command),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 15,
        "AbandonProcessGroup": True,
        "ExitTimeOut": _STOP_S,
        "LimitLoadToSessionType": "Aqua",
        "StandardOutPath": str(log),
        "StandardErrorPath": str(log),
        "Umask": 0o077,
    }
    return plistlib.dumps(job).decode()


def written_paths(config: Config) -> list[Path]:
    """The directories that the daemon and its jobs write to, by the configuration."""
    paths = [config.worker.work_dir, config.inputs.cache_dir]
    if config.platform.kind == "embedded":
        paths.append(config.platform.path.parent)
    if config.storage.kind == "local":
        paths.append(config.storage.local.root)
    if config.log.file is not None:
        paths.append(config.log.file.parent)
    return sorted({path.expanduser().absolute() for path in paths} | {Path("/tmp"), Path("/var/tmp")})  # noqa: S108


def _quoted(argument: str) -> str:
    """An argument as systemd.syntax(7) takes it."""
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if any(c in argument for c in " \t\"'\\;") or not argument else escaped
