"""Installs the daemon as a service of this system, and looks after it: systemd on Linux, launchd on macOS."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..config import Config
from ..errors import OpenjdVsError
from ..files import write_whole
from .service_files import LABEL, NAME, launchd_job, systemd_unit, written_paths

_LIMIT_S = 60.0


@dataclass(frozen=True)
class Service:
    """The daemon as a service.

    Parameters
    ----------
    file: the unit file or property list.
    content: what belongs into it.
    begin, end: the commands that make the service manager start it now and at every boot, and stop and forget it.
    status, logs: the commands that show it.
    """

    file: Path
    content: str
    begin: Sequence[Sequence[str]]
    end: Sequence[Sequence[str]]
    status: Sequence[str]
    logs: Sequence[str]

    def install(self, config: Config) -> None:
        """Write the file, make the directories that the service writes to, and start it.

        Raises
        ------
        OpenjdVsError: something of this was refused; it says what.
        """
        try:
            for path in written_paths(config):
                path.mkdir(parents=True, exist_ok=True)
            self.file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.file, self.content)
            self.file.chmod(0o644)
        except OSError as error:
            raise OpenjdVsError(f"cannot write {error.filename or self.file}: {error.strerror}") from error
        for command in self.begin:
            _run(command)

    def uninstall(self) -> bool:
        """Stop the service and remove its file. Returns whether there was one. Running jobs end by themselves."""
        if not self.file.exists():
            return False
        for command in self.end:
            _run(command)
        try:
            self.file.unlink()
        except OSError as error:
            raise OpenjdVsError(f"cannot remove {self.file}: {error.strerror}") from error
        return True


def service(config: Config, *, for_user: bool, platform: str = sys.platform) -> Service:
    """The service of this system.

    Parameters
    ----------
    for_user: in the user's own service manager, rather than in the system's, which needs root (systemd only).

    Raises
    ------
    OpenjdVsError: this system's service manager is not supported.
    """
    command = [sys.executable, "-I", "-m", "openjd_vstitcher.cli", "daemon"]
    if config.source is not None:
        command += ["--config", str(config.source)]
    if platform == "linux":
        return _systemd(config, command, for_user=for_user)
    if platform == "darwin":
        return _launchd(config, command)
    raise OpenjdVsError(
        "this system's service manager is not supported yet; have its scheduler start `openjd-vs daemon` at logon"
    )


def show(command: Sequence[str]) -> int:
    """Run a command that shows something to the user. Returns its exit code."""
    try:
        return subprocess.run(command, check=False).returncode
    except OSError as error:
        raise OpenjdVsError(f"cannot run {command[0]}: {error.strerror}") from error


def _systemd(config: Config, command: Sequence[str], *, for_user: bool) -> Service:
    home = Path(os.environ.get("XDG_CONFIG_HOME", "~/.config")).expanduser()
    folder = home / "systemd" / "user" if for_user else Path("/etc/systemd/system")
    manager = ["systemctl", *(["--user"] if for_user else [])]
    unit = f"{NAME}.service"
    return Service(
        folder / unit,
        systemd_unit(config, command, user="" if for_user else _user()),
        begin=[[*manager, "daemon-reload"], [*manager, "enable", unit], [*manager, "restart", unit]],
        end=[[*manager, "disable", "--now", unit]],
        status=[*manager, "status", "--no-pager", unit],
        logs=["journalctl", *(["--user"] if for_user else []), "--unit", unit, "--lines", "200", "--follow"],
    )


def _launchd(config: Config, command: Sequence[str]) -> Service:
    log = config.log.file or Path.home() / "Library" / "Logs" / NAME / "daemon.log"
    file = Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    domain = f"gui/{os.getuid()}"
    return Service(
        file,
        launchd_job(command, log=log.with_name("service.log")),
        begin=[["launchctl", "bootstrap", domain, str(file)]],
        end=[["launchctl", "bootout", f"{domain}/{LABEL}"]],
        status=["launchctl", "print", f"{domain}/{LABEL}"],
        logs=["tail", "-n", "200", "-F", str(log.with_name("service.log"))],
    )


def _user() -> str:
    """Who called, also through sudo: a service does not run as root unless root itself asks for it."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise OpenjdVsError(f"cannot run {' '.join(command)}: {error}") from error
    if done.returncode:
        raise OpenjdVsError(f"{' '.join(command)} failed: {done.stderr.strip() or done.stdout.strip()}")
