"""SIGINT and SIGTERM for commands that run a job: the first one cancels it, a second one at once."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..attempt.run import JobRun


class Cancelation:
    """Takes the signals from now on; they are heeded as soon as there is a run."""

    def __init__(self) -> None:
        self._run: JobRun | None = None
        self._asked = 0
        for wanted in (signal.SIGINT, signal.SIGTERM):
            # In a thread: a handler that interrupts the main thread must not wait for a lock that this one holds.
            signal.signal(wanted, lambda *_: threading.Thread(target=self.ask).start())

    def ask(self) -> None:
        """Cancel; asked again, at once."""
        self._asked += 1
        self._tell()

    def of(self, run: JobRun) -> None:
        """Say which run is meant."""
        self._run = run
        self._tell()

    def _tell(self) -> None:
        if self._run is not None and self._asked:
            self._run.cancel(now=self._asked > 1)
