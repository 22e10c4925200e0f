"""What Ctrl-C, SIGTERM and Ctrl-Break do in each command that runs or waits.

A test holds `docs/command-line.md` to it.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import click

from . import CANCELED


@dataclass(frozen=True)
class Effect:
    """What signals do in a command.

    Parameters
    ----------
    first, second: what the first and the second signal do; an empty `second` does nothing more.
    says: what the command does now, printed at the first one.
    takes: the signals, where the system has them; all have the same effect. SIGBREAK is Ctrl-Break on Windows.
    """

    first: str
    second: str = ""
    says: str = ""
    takes: tuple[str, ...] = ("SIGINT", "SIGTERM", "SIGBREAK")


EFFECTS: Mapping[str, Effect] = {
    "render": Effect(
        "cancels the run, stops the engine and removes temporary files",
        "stops the engine at once and runs no further action",
        says="canceling",
    ),
    "demo": Effect(
        "cancels the jobs, stops the engine and the daemon",
        "kills the processes of the jobs at once",
        says="canceling",
        takes=("SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP"),
    ),
    "daemon": Effect(
        "claims no more jobs and ends after the running ones",
        "stops the running jobs and gives them back to the queue, uncounted",
        says="ending after the running jobs",
    ),
    "serve": Effect("ends the streams, finishes the open requests and ends", "ends at once"),  # api/server.py does it
    "run-job": Effect("stops the attempt and gives its job back to the queue, uncounted"),
    "submit --wait": Effect("ends the command; the job goes on", takes=("SIGINT",)),
    "jobs watch": Effect("ends the command; jobs go on", takes=("SIGINT",)),
}


class StopSignals:
    """Takes the signals of a command from now on, and counts them.

    What they do is bound when there is something to stop; signals that came before are not lost.

    Parameters
    ----------
    command: its row in `EFFECTS`.
    """

    def __init__(self, command: str) -> None:
        self._effect = EFFECTS[command]
        self._count = 0
        self._call: Callable[[int], None] | None = None
        for name in self._effect.takes:
            if hasattr(signal, name):
                # In a thread: a handler that interrupts the main thread must not wait for a lock that this one holds.
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
        if self._count == 1 and self._effect.says:
            again = f"; Ctrl-C again {self._effect.second}" if self._effect.second else ""
            print(f"{self._effect.says}{again}", file=sys.stderr, flush=True)  # click.echo writes over a live display
        if self._call is not None:
            self._call(self._count)


@contextmanager
def leaving_on_interrupt(goes_on: Callable[[], str]) -> Iterator[None]:
    """End the command at Ctrl-C with the exit code of a cancelation, and say what goes on without it.

    Parameters
    ----------
    goes_on: what to print; "" prints nothing.
    """
    try:
        yield
    except KeyboardInterrupt:
        if text := goes_on():
            click.echo(text, err=True)
        sys.exit(CANCELED)
