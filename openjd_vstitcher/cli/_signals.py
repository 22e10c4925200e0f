"""What SIGINT and SIGTERM, and Ctrl-Break on Windows, do in a command that runs something."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

_SIGNALS = ("SIGINT", "SIGTERM", "SIGBREAK")


class StopSignals:
    """Takes SIGINT and SIGTERM, on Windows Ctrl-Break too, from now on, and counts them.

    What they do is bound when there is something to stop; signals that came before are not lost.
    """

    def __init__(self) -> None:
        self._count = 0
        self._call: Callable[[int], None] | None = None
        for name in _SIGNALS:
            # In a thread: a handler that interrupts the main thread must not wait for a lock that this one holds.
            if hasattr(signal, name):
                signal.signal(
                    getattr(signal, name), lambda *_: threading.Thread(target=self._take, daemon=True).start()
                )

    def bind(self, call: Callable[[int], None]) -> None:
        """Have a function called with 1 at the first signal, with 2 at the second, and so on, from another thread."""
        self._call = call
        if self._count:
            call(self._count)

    def _take(self) -> None:
        self._count += 1
        if self._call is not None:
            self._call(self._count)
