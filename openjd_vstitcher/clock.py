"""A monotonic clock that goes on while the machine sleeps, as a lease does at the other end."""

from __future__ import annotations

import sys
import time

if sys.platform == "linux":

    def now_s() -> float:
        """Seconds since the machine started, sleep included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

elif sys.platform == "darwin":

    def now_s() -> float:
        """Seconds since the machine started, sleep included (`time.monotonic` stops in sleep on macOS)."""
        return time.clock_gettime(time.CLOCK_MONOTONIC)

else:

    def now_s() -> float:
        """Seconds since the machine started, sleep included: Windows' tick count goes on in sleep."""
        return time.monotonic()
