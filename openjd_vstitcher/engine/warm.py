"""Warm engines, kept running for the next session on this machine: when to keep one, and how sessions find it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..config import Config, EngineConfig
from ..errors import EngineError
from ..files import make_directory_for_owner, write_json
from .launchers import Launch
from .protocol import ProtocolError, read_connection


def folder(config: Config) -> Path:
    """The directory that lists the warm engines; only this user can write to it.

    Raises
    ------
    EngineError: other users can write to it.
    """
    path = config.worker.work_dir.parent / "warm"
    make_directory_for_owner(path, exist_ok=True)
    if os.name == "posix":
        found = path.stat()
        if found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise EngineError(f"{path} must be writable by this user only, because sessions find warm engines there")
    return path


def identity(launch: Launch, config: EngineConfig) -> str:
    """A hash of everything that must be equal for two sessions to share an engine: the program and all its settings."""
    return hashlib.sha256(repr((__version__, launch, config)).encode()).hexdigest()


def offer(path: Path, connection: dict[str, Any], identity_: str) -> None:
    """List an engine that is ready for another session."""
    write_json(path, {**connection, "identity": identity_})


def claim(directory: Path, identity_: str) -> Iterator[Path]:
    """Take matching engines off the list one by one, until the caller stops at one that answers.

    An entry is renamed before it is yielded, so that no other session gets it, and removed afterwards.
    """
    for path in sorted(directory.glob("*.json")):
        try:
            if read_connection(str(path)).get("identity") != identity_:
                continue
            taken = path.rename(path.with_suffix(f".taken-{os.getpid()}"))
        except (ProtocolError, OSError):
            continue
        try:
            yield taken
        finally:
            with contextlib.suppress(OSError):
                taken.unlink()


@dataclass(frozen=True)
class EngineUsage:
    """How much an engine has been used, and the state it is in.

    Parameters
    ----------
    sessions: how many it has served.
    age_s: since it was started.
    memory_bytes, first_memory_bytes: now, and after its first session; 0 if unknown.
    state, first_state: the application's state with no garment open: now, and when it was new.
    leftover_processes: how many processes it has started that still run.
    """

    sessions: int
    age_s: float
    memory_bytes: int
    first_memory_bytes: int
    state: dict[str, Any]
    first_state: dict[str, Any]
    leftover_processes: int


def reason_to_stop(usage: EngineUsage, config: EngineConfig) -> str:
    """Why an engine must not be kept for another session, "" if it may be."""
    if usage.state.get("garment"):
        return "a garment is still open"
    if usage.state != usage.first_state:
        changed = [key for key in usage.first_state if usage.state.get(key) != usage.first_state[key]]
        return f"the last session changed {', '.join(changed)}"
    if usage.leftover_processes:
        return f"processes of the last session are still running ({usage.leftover_processes})"
    if usage.sessions >= config.keep_warm_jobs:
        return f"it has reached keep_warm_jobs ({usage.sessions})"
    if usage.age_s >= config.keep_warm_minutes * 60:
        return f"it is {usage.age_s / 60:.0f} minutes old"
    if usage.first_memory_bytes and usage.memory_bytes > config.keep_warm_growth * usage.first_memory_bytes:
        return f"its memory has grown from {usage.first_memory_bytes} to {usage.memory_bytes} bytes"
    return ""
