"""Starts processes that end with their starter, and ends them with all that they started. Never searches by name."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

LINUX = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_KILL_LIMIT_S = 10.0


def adopt_orphans() -> None:
    """Make this process the parent of what its children leave behind, so that `end_all` finds it (Linux)."""
    if LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Process:
    """A program with everything that it starts: a process group on POSIX, a job object on Windows.

    Parameters
    ----------
    command: the program and its arguments; on Windows it may be a command line.
    environment: all of it, nothing is inherited.
    output: the file that its output is added to.
    """

    def __init__(self, command: Sequence[str] | str, environment: Mapping[str, str], output: Path) -> None:
        with output.open("ab") as file:
            if sys.platform == "win32":
                from .winjob import Job

                self._job = Job()
                self._popen = subprocess.Popen(
                    command,
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    creationflags=subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW,
                )
                self._job.add(self._popen.pid)
            else:
                self._popen = subprocess.Popen(
                    command,
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=_die_with_parent(),
                )
        self.pid = self._popen.pid
        self._ended = False

    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._popen.poll()

    def cpu_s(self) -> float:
        """Processor seconds used by it and what it started."""
        if sys.platform == "win32":
            return self._job.cpu_s()
        return cpu_of(self.pid)

    def left_behind(self) -> int:
        """How many processes run that it has started, on Linux also those that have left it."""
        if sys.platform == "win32":
            return self._job.active() - 1
        return len(descendants(os.getpid() if LINUX else self.pid)) - (1 if LINUX else 0)

    def end(self) -> None:
        """Kill it and what it started, once: later its number may be another's. Returns when they are gone."""
        if self._ended:
            return
        self._ended = True
        if sys.platform == "win32":
            self._job.terminate()
        else:
            others = descendants(self.pid)
            _signal_group(self.pid)
            _kill(others)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout=_KILL_LIMIT_S)


def end_all(known: Iterable[Process]) -> None:
    """Kill some processes, and on Linux every other process that descends from this one. Returns when they are gone."""
    for process in known:
        process.end()
    if not LINUX:
        return
    deadline = time.monotonic() + _KILL_LIMIT_S
    while (left := descendants(os.getpid())) and time.monotonic() < deadline:
        _kill(left)
        for pid in left:
            _reap(pid)
        time.sleep(0.005)


def reap_adopted(known: Iterable[int]) -> None:
    """Take note of the end of adopted processes, so that none stays as a zombie.

    Parameters
    ----------
    known: processes that somebody else waits for.
    """
    if LINUX:
        for pid in set(_children().get(os.getpid(), [])) - set(known):
            _reap(pid)


def descendants(pid: int) -> list[int]:
    """The processes that a process and its children started, as far as the system still knows."""
    children = _children()
    found: list[int] = []
    todo = [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def cpu_of(pid: int) -> float:
    """Processor seconds of a process, its ended children, and its living descendants."""
    pids = [pid, *descendants(pid)]
    if LINUX:
        return sum(_cpu_linux(each) for each in pids)
    return sum(_cpu_ps(pids))


def exists(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    if LINUX:
        fields = _stat(pid)
        return bool(fields) and fields[0] != "Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def memory_of(pid: int) -> int:
    """Resident memory of a process in bytes; 0 where that is not known."""
    fields = _stat(pid) if LINUX else []
    return int(fields[21]) * os.sysconf("SC_PAGE_SIZE") if fields else 0


def _die_with_parent() -> Callable[[], None] | None:
    if not LINUX:
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def prepare() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def _signal_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass


def _children() -> dict[int, list[int]]:
    if LINUX:
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        pairs = [(int(fields[1]), pid) for pid in pids if (fields := _stat(pid))]
    else:
        lines = [line.split() for line in _ps("-A", "-o", "ppid=,pid=")]
        pairs = [(int(parent), int(pid)) for parent, pid in lines]
    children: dict[int, list[int]] = {}
    for parent_pid, child in pairs:
        children.setdefault(parent_pid, []).append(child)
    return children


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name: state, parent, …; empty if there is no such process."""
    try:
        with Path(f"/proc/{pid}/stat").open("rb") as file:
            return file.read().rpartition(b")")[2].decode("ascii").split()
    except OSError:
        return []


def _cpu_linux(pid: int) -> float:
    fields = _stat(pid)
    return sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def _cpu_ps(pids: Sequence[int]) -> Iterable[float]:
    for line in _ps("-o", "time=", "-p", ",".join(str(pid) for pid in pids)):
        seconds = 0.0
        for part in line.strip().replace("-", ":").split(":"):
            seconds = seconds * 60 + float(part)
        yield seconds


def _ps(*arguments: str) -> list[str]:
    result = subprocess.run(["ps", *arguments], capture_output=True, text=True, check=False)
    return [line for line in result.stdout.splitlines() if line.strip()]
