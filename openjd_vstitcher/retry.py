"""Tries again what fails for a passing reason, with a growing and randomly shortened wait."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import TypeVar

from .errors import PlatformError, StorageError

_T = TypeVar("_T")


def retrying(
    action: Callable[[], _T],
    *,
    stop: threading.Event,
    first_s: float,
    longest_s: float,
    on_wait: Callable[[Exception, float], None],
) -> _T:
    """Do it until it works.

    Parameters
    ----------
    stop: ends the waiting; the last error is then raised.
    first_s, longest_s: bounds of the wait; it doubles, and a random part of it is waited.
    on_wait: told the error and the seconds before each wait.

    Raises
    ------
    StorageError, PlatformError: what failed for good, or was still failing when `stop` was set.
    """
    bound = first_s
    while True:
        try:
            return action()
        except (StorageError, PlatformError) as error:
            if not error.transient or stop.is_set():
                raise
            wait_s = random.uniform(bound / 2, bound)  # noqa: S311  (no secret)
            on_wait(error, wait_s)
            if stop.wait(wait_s):
                raise
            bound = min(bound * 2, longest_s)
