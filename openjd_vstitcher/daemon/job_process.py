"""The process of one attempt at a job: started, found again by a later daemon, canceled, ended."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from ..attempt.directory import JobDirectory
from ..attempt.status import StatusUnreadable, read_status
from ..errors import OpenjdVsError

_BEGIN_LIMIT_S = 60.0
_CANCEL_GRACE_S = 90.0
_HUNG_S = 300.0


class NotClear(OpenjdVsError):
    """Whether a job's process runs cannot be told now; ask again later."""


class JobProcess:
    """A process that works on a job directory. It goes on when the daemon ends, however it ends.

    Parameters
    ----------
    process: the process; None when it is known to be gone.
    """

    def __init__(self, directory: JobDirectory, process: psutil.Process | None) -> None:
        self._directory = directory
        self._process = process
        self._canceled_s: float | None = None
        self._last_beat: object = None
        self._beat_s = time.monotonic()

    @classmethod
    def start(cls, directory: JobDirectory, command: Sequence[str], environment: Mapping[str, str]) -> JobProcess:
        """Run `openjd-vs COMMAND` on a job directory, in a process group of its own, its output in `process.log`."""
        directory.cancel_request.unlink(missing_ok=True)
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        with directory.process_log.open("ab") as log:
            child = psutil.Popen(
                [sys.executable, "-m", "openjd_vstitcher.cli", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
                creationflags=flags,
            )
        return cls(directory, child)

    @classmethod
    def find(cls, directory: JobDirectory) -> JobProcess:
        """The process that an earlier daemon started.

        Raises
        ------
        NotClear: its status is not written yet, or cannot be read now.
        """
        try:
            status = read_status(directory.status)
        except StatusUnreadable as error:
            if _age_s(directory.status) < _BEGIN_LIMIT_S:
                raise NotClear(str(error)) from error
            return cls(directory, None)
        if status is None:
            if _age_s(directory.request_file) < _BEGIN_LIMIT_S:
                raise NotClear(f"{directory.path} has no status yet")
            return cls(directory, None)
        try:
            return cls(directory, psutil.Process(status.pid) if status.process_lives() else None)
        except psutil.NoSuchProcess:
            return cls(directory, None)

    def ended(self, timeout_s: float) -> bool:
        """Whether it has ended, waiting for that a while."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout=timeout_s)
        except (psutil.TimeoutExpired, subprocess.TimeoutExpired):
            return not self._process.is_running()
        return True

    def cancel(self) -> None:
        """Ask it to cancel its job; it has a while for that, see `enforce`."""
        if self._canceled_s is None:
            self._canceled_s = time.monotonic()
            self._directory.cancel_request.touch()

    def enforce(self, beat: object) -> None:
        """End it, with all of its process group, when it does not heed a cancelation or shows no sign of life.

        Parameters
        ----------
        beat: its heartbeat as last seen, None before the first.
        """
        now = time.monotonic()
        if beat != self._last_beat:
            self._last_beat, self._beat_s = beat, now
        over_time = self._canceled_s is not None and now - self._canceled_s > _CANCEL_GRACE_S
        if over_time or (beat is not None and now - self._beat_s > _HUNG_S):
            self.kill()

    def kill(self) -> None:
        """End it at once; its engine goes with it, by the lifeline."""
        if self._process is None or not self._process.is_running():
            return
        try:
            if os.name == "posix":
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                for process in (*self._process.children(recursive=True), self._process):
                    process.kill()
        except (psutil.NoSuchProcess, ProcessLookupError):
            return


def set_aside(path: Path) -> None:
    """Give a directory that is in the way another name; nothing in it is lost."""
    for number in range(1, 1000):
        other = path.with_name(f"{path.name}.old{number}")
        if not other.exists():
            shutil.move(path, other)
            return
    raise OSError(f"{path} is in the way, and so are a thousand older ones")


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return _BEGIN_LIMIT_S
