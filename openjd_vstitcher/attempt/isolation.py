"""What the session user of an attempt may reach: its inputs and outputs, nothing else of the worker or other jobs."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from openjd.sessions import PosixSessionUser, SessionUser

from ..config import Config
from ..config.text import file_for_commands
from ..files import READ_UNTRUSTED, write_whole
from ..session.user import SessionUserError, check_reach, session_user
from .directory import AttemptDirectory

_log = logging.getLogger(__name__)
_MOST_LOG_BYTES = 64 << 20
_ENTER, _READ, _SHARED = 0o710, 0o640, 0o2770


@dataclass(frozen=True)
class Isolation:
    """An attempt whose actions run as the session user.

    Parameters
    ----------
    config: the configuration for its commands: of the engine and of inputs, without the worker's.
    engine_log: where the engine of that user can write.
    """

    user: SessionUser
    config: Path
    engine_log: Path


@contextmanager
def isolated(directory: AttemptDirectory, config: Config) -> Iterator[Isolation | None]:
    """Open an attempt's directory to the session user while the block runs; None where none is configured.

    Each slot has a user of its own, so that jobs that run side by side cannot reach one another either.

    Raises
    ------
    SessionUserError: the user cannot be used.
    OSError: the directory could not be prepared.
    """
    if not config.worker.session_user:
        yield None
        return
    with _free_slot(config) as slot:
        made = _prepare(directory, config, slot)
        try:
            check_reach(made.user, directory.output)
            yield made
        finally:
            directory.withdraw()
            if not isinstance(made.user, PosixSessionUser):
                _close_to_user(directory, made.user.user)
            _keep_log(made.engine_log, directory.engine_log)


@contextmanager
def _free_slot(config: Config) -> Iterator[int]:
    """The number of a slot whose session user no other attempt uses. The lock ends with its process."""
    for slot in range(1, config.worker.slots + 1):
        lock = FileLock(config.worker.work_dir / f"session-user-{slot}.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            continue
        try:
            yield slot
        finally:
            lock.release()
        return
    raise SessionUserError("worker.session_user: other attempts use all session users")


def _prepare(directory: AttemptDirectory, config: Config, slot: int) -> Isolation:
    worker = config.worker
    name, group = (text.replace("{slot}", str(slot)) for text in (worker.session_user, worker.session_group))
    user = session_user(name, group=group, password=_password(worker.session_password_file, slot))
    made = Isolation(user, directory.session_config, directory.engine / "engine.log")
    write_whole(made.config, file_for_commands(config))
    directory.engine.mkdir(exist_ok=True)
    directory.commands.mkdir(exist_ok=True)
    if isinstance(user, PosixSessionUser):
        _open_to_group(directory, user.group)
    else:
        _open_to_user(directory, user.user)
    return made


def _password(file: Path | None, slot: int) -> str | None:
    if file is None:
        return None
    try:
        return Path(str(file).replace("{slot}", str(slot))).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SessionUserError(f"worker.session_password_file: cannot be read: {error}") from error


def _open_to_group(directory: AttemptDirectory, group: str) -> None:
    """First take from everyone else what is not for them, then let the group in: by name only, without a listing."""
    for later in (directory.ledger, directory.session_log, directory.engine_log):
        later.touch(0o600)
    for entry in directory.path.iterdir():
        if entry.is_file():
            entry.chmod(0o600)
    opened = {
        directory.inputs: _READ,
        directory.session_config: _READ,
        directory.commands: 0o750,
        directory.engine: _SHARED,
        directory.output: _SHARED,
        directory.sessions: _ENTER,
        directory.path: _ENTER,
    }
    for path, mode in opened.items():
        try:
            shutil.chown(path, group=group)
        except PermissionError as error:
            raise SessionUserError(f"worker.session_group: is this user a member of {group!r}? {error}") from error
        path.chmod(mode)


def _open_to_user(directory: AttemptDirectory, user: str) -> None:
    """Windows: what the directory inherits keeps others out, and entering needs no permission there."""
    for path, rights in _opened_to_user(directory).items():
        done = _icacls(path, "/grant", f"{user}:{rights}")
        if done.returncode:
            raise SessionUserError(f"worker.session_user: icacls failed for {path}: {done.stderr.strip()}")


def _close_to_user(directory: AttemptDirectory, user: str) -> None:
    """Windows: take back what `_open_to_user` granted, since the next job of the slot runs as the same user."""
    for path in _opened_to_user(directory):
        done = _icacls(path, "/remove:g", user)
        if done.returncode:
            _log.warning("%s stays open to %s: icacls failed: %s", path, user, done.stderr.strip())


def _opened_to_user(directory: AttemptDirectory) -> dict[Path, str]:
    return {
        directory.inputs: "R",
        directory.session_config: "R",
        directory.commands: "(OI)(CI)RX",
        directory.engine: "(OI)(CI)M",
        directory.output: "(OI)(CI)M",
    }


def _icacls(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["icacls", str(path), *arguments], capture_output=True, text=True, check=False)


def _keep_log(source: Path, target: Path) -> None:
    """Copy the engine's log. The session user could have put anything in its place, so only a plain file is read."""
    with suppress(OSError), os.fdopen(os.open(source, READ_UNTRUSTED), "rb") as log:
        found = os.fstat(log.fileno())
        if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
            target.write_bytes(log.read(_MOST_LOG_BYTES))
