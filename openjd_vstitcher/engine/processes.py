"""Starts processes that end with this process, and kills them with all their descendants. Never searches by name."""

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

from .append_file import open_for_append

LINUX = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_CREATE_SUSPENDED = 0x0000_0004
_KILL_LIMIT_S = 10.0


def adopt_orphans() -> None:
    """Make this process the parent of its orphaned descendants, so that `end_all` finds them (Linux)."""
    if LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Process:
    """A program and its descendants: a process group on POSIX, a job object on Windows.

    Parameters
    ----------
    command: the program and its arguments; on Windows it may be a command line.
    environment: its whole environment; nothing is inherited.
    output: the file that its output is appended to.

    Raises
    ------
    OSError: it cannot be started.
    """

    def __init__(self, command: Sequence[str] | str, environment: Mapping[str, str], output: Path) -> None:
        descriptor = open_for_append(output)
        try:
            if sys.platform == "win32":
                from .job_object import JobObject

                self._job = JobObject()
                flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW | _CREATE_SUSPENDED
                self._popen = _popen(command, environment, descriptor, creationflags=flags)
                self._resume_in_job()
            else:
                self._popen = _popen(
                    command, environment, descriptor, start_new_session=True, preexec_fn=_die_with_parent()
                )
        finally:
            os.close(descriptor)
        self.pid = self._popen.pid
        self._ended = False

    def exit_code(self) -> int | None:
        """None while it runs; negative if a signal killed it."""
        return self._popen.poll()

    def cpu_s(self) -> float:
        """CPU seconds used by it and its descendants."""
        if sys.platform == "win32":
            return self._job.cpu_s()
        return cpu_of(self.pid)

    def count_descendants(self) -> int:
        """How many of its descendants are running; on Linux including those that left its process group."""
        if sys.platform == "win32":
            return self._job.active() - 1
        return len(descendants(os.getpid() if LINUX else self.pid)) - (1 if LINUX else 0)

    def end(self) -> None:
        """Kill it and its descendants, and wait until they are gone. Does nothing the second time.

        The process id may belong to another process by then.
        """
        if self._ended:
            return
        self._ended = True
        if sys.platform == "win32":
            self._job.terminate()
        else:
            others = descendants(self.pid)
            _kill_group(self.pid)
            _kill(others)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout=_KILL_LIMIT_S)

    def _resume_in_job(self) -> None:
        """Let the suspended process run, now that nothing it starts can escape the job object (Windows)."""
        if sys.platform == "win32":
            try:
                self._job.resume(self._popen.pid)
            except OSError:
                self._popen.kill()
                raise


def end_all(processes: Iterable[Process]) -> None:
    """Kill some processes, and on Linux all other descendants of this process. Returns when they are gone."""
    for process in processes:
        process.end()
    if not LINUX:
        return
    deadline = time.monotonic() + _KILL_LIMIT_S
    while (remaining := descendants(os.getpid())) and time.monotonic() < deadline:
        _kill(remaining)
        for pid in remaining:
            _reap(pid)
        time.sleep(0.005)


def reap_adopted(waited_for: Iterable[int]) -> None:
    """Reap adopted processes that have exited, so that none stays a zombie (Linux).

    Parameters
    ----------
    waited_for: child processes that other code waits for.
    """
    if LINUX:
        import psutil

        for pid in {child.pid for child in psutil.Process().children()} - set(waited_for):
            _reap(pid)


def descendants(pid: int) -> list[int]:
    """The children of a process, their children and so on, as far as the system still knows."""
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return []


def cpu_of(pid: int) -> float:
    """CPU seconds of a process, its exited children where the system counts them, and its running descendants."""
    import psutil

    total = 0.0
    for each in [pid, *descendants(pid)]:
        with contextlib.suppress(psutil.Error):
            times = psutil.Process(each).cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def memory_of(pid: int) -> int:
    """Resident memory of a process in bytes, 0 if unknown."""
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def describe_exit(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def _popen(
    command: Sequence[str] | str,
    environment: Mapping[str, str],
    output: int,
    *,
    start_new_session: bool = False,
    preexec_fn: Callable[[], None] | None = None,
    creationflags: int = 0,
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=start_new_session,
        preexec_fn=preexec_fn,
        creationflags=creationflags,
    )


def _die_with_parent() -> Callable[[], None] | None:
    """Code for the child to run before its program: the kernel kills it when this process ends (Linux)."""
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


def _kill_group(pid: int) -> None:
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
