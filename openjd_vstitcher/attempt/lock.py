"""The operating system lock on an attempt's directory: who holds it works on the attempt, and nobody else does.

The lock ends with its process, however that ends, so whoever can take it knows that the process is gone. No process
number is compared: after a restart of the machine numbers and start times can repeat.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from ..errors import OpenjdVsError
from ..files import read_whole, write_json
from .directory import AttemptDirectory


class DirectoryBusy(OpenjdVsError):
    """Another process works on this attempt."""


@contextmanager
def hold(directory: AttemptDirectory) -> Iterator[None]:
    """Hold an attempt's directory while the block runs.

    Raises
    ------
    DirectoryBusy: another process holds it.
    """
    lock = FileLock(directory.lock, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise DirectoryBusy(f"another process works on {directory.path}{_by(directory)}") from None
    try:
        _write_holder(directory)
        yield
    finally:
        lock.release()


def is_held(directory: AttemptDirectory) -> bool:
    """Whether a process works on an attempt now."""
    if not directory.path.is_dir():
        return False
    try:
        with FileLock(directory.lock, timeout=0):
            return False
    except Timeout:
        return True


def holder(directory: AttemptDirectory) -> psutil.Process | None:
    """The process that holds a directory, as far as can be told; None when nobody does."""
    if not is_held(directory):
        return None
    try:
        written = json.loads(read_whole(directory.holder))
        process = psutil.Process(written["pid"])
        return process if _started(process.pid) == written["started"] else None
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None


def _write_holder(directory: AttemptDirectory) -> None:
    pid = os.getpid()
    try:
        write_json(directory.holder, {"pid": pid, "started": _started(pid)})
    except OSError:
        return  # a full disk: the lock itself is what counts


def _by(directory: AttemptDirectory) -> str:
    process = holder(directory)
    return f" (process {process.pid})" if process is not None else ""


def _started(pid: int) -> float:
    """When a process started: in ticks since the machine's start on Linux, where the clock can be set meanwhile."""
    if sys.platform == "linux":
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return float(fields[19])
    return psutil.Process(pid).create_time()
