"""Retries what fails for a passing reason, with growing, randomly shortened pauses."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from .errors import PlatformError, StorageError

_T = TypeVar("_T")

_SHORTEST_S = 0.001


@dataclass(frozen=True)
class Backoff:
    """The pauses between tries. Iterating gives them without end, in seconds.

    The upper bound of the pause starts at `first_s` and doubles up to `longest_s`. Each pause is between half of the
    bound and the bound, at random, so that many clients do not come back at the same moment.
    """

    first_s: float
    longest_s: float

    def __iter__(self) -> Iterator[float]:
        bound = self.first_s
        while True:
            bound = max(min(bound, self.longest_s), _SHORTEST_S)
            yield random.uniform(bound / 2, bound)  # noqa: S311  (spreads load, guards nothing)
            bound *= 2


@contextmanager
def set_after(limit_s: float) -> Iterator[threading.Event]:
    """An event that is set when the block has run for a number of seconds: the `stop` of work that has a time limit."""
    over = threading.Event()
    timer = threading.Timer(limit_s, over.set)
    timer.daemon = True
    timer.start()
    try:
        yield over
    finally:
        timer.cancel()


def retrying(
    action: Callable[[], _T],
    *,
    stop: threading.Event,
    first_s: float,
    longest_s: float,
    on_wait: Callable[[Exception, float], None],
) -> _T:
    """Call `action` until it works. For work under a claim: a refused credential is waited for like a broken line.

    Parameters
    ----------
    stop: ends the waiting; the last error is then raised.
    first_s, longest_s: the pauses between tries, as in `Backoff`.
    on_wait: called with the error and the pause in seconds before each wait.

    Raises
    ------
    StorageError, PlatformError: what failed for good, or was still failing when `stop` was set.
    """
    pauses = iter(Backoff(first_s, longest_s))
    while True:
        try:
            return action()
        except (StorageError, PlatformError) as error:
            if not (error.transient or error.credential) or stop.is_set():
                raise
            pause_s = next(pauses)
            on_wait(error, pause_s)
            if stop.wait(pause_s):
                raise
