"""Limits the bandwidth that all uploads take together."""

from __future__ import annotations

import threading
import time


class Pace:
    """A shared limit. Safe to use from several threads.

    Parameters
    ----------
    bytes_per_s: the limit; 0 for no limit.
    """

    def __init__(self, bytes_per_s: int) -> None:
        self._bytes_per_s = bytes_per_s
        self._lock = threading.Lock()
        self._free_at = 0.0
        self._never = threading.Event()

    def take(self, size_bytes: int) -> None:
        """Wait until this many more bytes may be sent."""
        if self._bytes_per_s <= 0:
            return
        with self._lock:
            now = time.monotonic()
            starts_at = max(now, self._free_at)
            self._free_at = starts_at + size_bytes / self._bytes_per_s
        self._never.wait(max(0.0, starts_at - now))
