"""Turns what native code and child processes print into lines of an action's log.

`action_output.guarded` sees only what Python prints. A library that writes to file descriptor 1 could begin a line of
the OpenJD protocol.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .. import action_output

_FLUSH_S = 2.0


@contextmanager
def native_output_as_lines() -> Iterator[None]:
    """Within this block, file descriptors 1 and 2 lead to `action_output.say`, and only that writes to the old 1."""
    protocol = os.dup(1)
    reading, writing = os.pipe()
    with os.fdopen(protocol, "wb", buffering=0, closefd=True) as stream, action_output.printing_to(stream):
        before = os.dup(2)
        for descriptor in (1, 2):
            os.dup2(writing, descriptor)
        os.close(writing)
        reader = threading.Thread(target=_say_lines, args=(reading,), name="native-output", daemon=True)
        reader.start()
        try:
            yield
        finally:
            for text in (sys.stdout, sys.stderr):
                text.flush()
            os.dup2(protocol, 1)
            os.dup2(before, 2)
            os.close(before)
            reader.join(_FLUSH_S)


def _say_lines(descriptor: int) -> None:
    with os.fdopen(descriptor, "rb") as pipe:
        while line := pipe.readline(action_output.MOST_BYTES):
            action_output.say(line.decode("utf-8", "backslashreplace").rstrip("\r\n"))
