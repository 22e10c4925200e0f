"""The process of one attempt, as the daemon handles it: started, found again by a later daemon, ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import psutil

from .. import handover
from ..attempt.directory import AttemptDirectory
from ..attempt.lock import holder, is_held
from ..files import open_for_owner


class AttemptProcess:
    """A process that works on an attempt's directory. It goes on when the daemon ends, however it ends.

    Parameters
    ----------
    child: the process, where this daemon started it; None for one that an earlier daemon started.
    """

    def __init__(self, directory: AttemptDirectory, child: psutil.Popen | None = None) -> None:
        self.directory = directory
        self._child = child

    @classmethod
    def start(
        cls,
        directory: AttemptDirectory,
        command: Sequence[str],
        environment: Mapping[str, str],
        on_end: Callable[[], None] = lambda: None,
        secrets: Collection[str] = (),
    ) -> AttemptProcess:
        """Run `openjd-vs COMMAND` in a process group of its own, its output in `process.log`.

        The secrets of its environment go through its standard input instead, where no other process can read them.

        Parameters
        ----------
        secrets: variables that are secrets whatever they are named.
        on_end: called from another thread when the process has ended.

        Raises
        ------
        OSError: it could not be started.
        """
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        plain, hidden = handover.split(environment, secrets)
        if hidden:
            plain[handover.SECRETS_VARIABLE] = "0"
        with open(directory.process_log, "ab", opener=open_for_owner) as log:
            child = psutil.Popen(
                [sys.executable, "-m", "openjd_vstitcher.cli", *command],
                stdin=subprocess.PIPE if hidden else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=plain,
                start_new_session=True,
                creationflags=flags,
            )

        def wait() -> None:
            if hidden:
                with contextlib.suppress(OSError):  # it has ended already
                    child.stdin.write(handover.encode(hidden))
                    child.stdin.close()
            child.wait()
            on_end()

        threading.Thread(target=wait, name=f"wait-{child.pid}", daemon=True).start()
        return cls(directory, child)

    def alive(self) -> bool:
        """Whether it still runs: a child by its handle, another one by the lock that it holds on its directory."""
        if self._child is not None:
            return self._child.poll() is None
        return is_held(self.directory)

    def kill(self) -> None:
        """End it at once; its engine ends with it, by the lifeline."""
        process = self._child if self._child is not None else holder(self.directory)
        if process is None or not process.is_running():
            return
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                for each in (*process.children(recursive=True), process):
                    with contextlib.suppress(psutil.Error):
                        each.kill()


def set_aside(path: Path) -> None:
    """Rename a directory that is in the way; nothing in it is lost, also if it cannot be renamed.

    Raises
    ------
    OSError: it cannot be renamed.
    """
    for number in range(1, 1000):
        other = path.with_name(f"{path.name}.old{number}")
        if not os.path.lexists(other):
            path.rename(other)
            return
    raise OSError(f"{path} is in the way, and so are a thousand older ones")
