"""Engines kept for the next session on this machine: when one may be kept, and how sessions find it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..config import Config, EngineConfig
from ..errors import EngineError
from .launchers import Launch
from .protocol import ProtocolError, read_connection, write_connection


def folder(config: Config) -> Path:
    """Where kept engines are listed: a directory of this user alone.

    Raises
    ------
    EngineError: others may write to it.
    """
    path = config.worker.work_dir.parent / "warm"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.name == "posix":
        found = path.stat()
        if found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise EngineError(f"{path} must belong to this user alone, because engines are kept there")
    return path


def identity(launch: Launch, config: EngineConfig) -> str:
    """What two sessions must agree on to share an engine: the program and all its settings."""
    return hashlib.sha256(repr((__version__, launch, config)).encode()).hexdigest()


def park(path: Path, connection: dict[str, Any], identity_: str) -> None:
    """List an engine that waits for a session."""
    write_connection(str(path), {**connection, "identity": identity_})


def claim(directory: Path, identity_: str) -> Iterator[Path]:
    """Take the engines that fit from the list, one after the other, until the caller has one that answers.

    Each is renamed first, so that no other session gets it; its new file is removed afterwards.
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
class Wear:
    """What an engine has been through.

    Parameters
    ----------
    sessions: how many it has served.
    age_s: since it was started.
    memory_bytes, first_memory_bytes: now, and after its first session; 0 where that is not known.
    state, first_state: what the application said of itself with no garment open: now, and when it was new.
    left_behind: processes that it has started and that still run.
    """

    sessions: int
    age_s: float
    memory_bytes: int
    first_memory_bytes: int
    state: dict[str, Any]
    first_state: dict[str, Any]
    left_behind: int


def worn_out(wear: Wear, config: EngineConfig) -> str:
    """Why an engine must not be kept, "" if it may."""
    if wear.state.get("garment"):
        return "a garment is still open"
    if wear.state != wear.first_state:
        changed = [key for key in wear.first_state if wear.state.get(key) != wear.first_state[key]]
        return f"the last session changed {', '.join(changed)}"
    if wear.left_behind:
        return f"{wear.left_behind} processes of the last session still run"
    if wear.sessions >= config.keep_warm_jobs:
        return f"it has served {wear.sessions} sessions"
    if wear.age_s >= config.keep_warm_minutes * 60:
        return f"it is {wear.age_s / 60:.0f} minutes old"
    if wear.first_memory_bytes and wear.memory_bytes > config.keep_warm_growth * wear.first_memory_bytes:
        return f"its memory has grown from {wear.first_memory_bytes} to {wear.memory_bytes} bytes"
    return ""


def copy_log(source: Path, start: int, target: Path) -> None:
    """Give a session the part of a kept engine's log that is its own."""
    if source == target:
        return
    with contextlib.suppress(OSError), source.open("rb") as log, target.open("ab") as own:
        log.seek(start if source.stat().st_size >= start else 0)
        while piece := log.read(1024 * 1024):
            own.write(piece)


def read_job(path: Path) -> dict[str, Any]:
    """The content of a `job.json`.

    Raises
    ------
    EngineError: it cannot be read, or is no JSON object.
    """
    try:
        job = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(f"cannot read the job file {path}: {error}") from error
    if not isinstance(job, dict):
        raise EngineError(f"{path} is no job file")
    return job
