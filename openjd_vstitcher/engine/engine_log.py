"""The log file that holds the engine's output: its last lines, its size limit, and progress printed in it."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from ..failures import TAIL_LINES

LIMIT_BYTES = 32 * 1024 * 1024
_KEPT_BYTES = 256 * 1024
_TAIL_BYTES = 16 * 1024
_CHUNK_BYTES = 1024 * 1024
_PROGRESS_CHUNK_BYTES = 64 * 1024
_PERCENT = re.compile(rb"(?:progress:?\s*(\d+(?:\.\d+)?)|(\d+(?:\.\d+)?)\s*%)", re.IGNORECASE)


class EngineLog:
    """A log file that other processes append to (see `append_file`)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def size(self) -> int:
        """Its size in bytes, 0 if there is no file."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def tail(self) -> list[str]:
        """The last lines."""
        with contextlib.suppress(OSError), self.path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return file.read().decode("utf-8", "replace").splitlines()[-TAIL_LINES:]
        return []

    def trim(self) -> None:
        """Drop all but the end of a log over the limit, so that an engine in a print loop cannot fill the disk."""
        if self.size() <= LIMIT_BYTES:
            return
        with self.path.open("r+b") as file:
            file.seek(-_KEPT_BYTES, os.SEEK_END)
            kept = file.read()
            file.seek(0)
            file.truncate()
            file.write(b"[earlier output was dropped]\n" + kept)

    def copy_to(self, target: Path, start: int) -> None:
        """Append the log from position `start` (bytes) to another file; all of it if it was trimmed since."""
        if self.path == target:
            return
        with contextlib.suppress(OSError), self.path.open("rb") as log, target.open("ab") as copy:
            log.seek(start if self.size() >= start else 0)
            while chunk := log.read(_CHUNK_BYTES):
                copy.write(chunk)


class ProgressReader:
    """Reads percentages from what is appended to a log after its creation."""

    def __init__(self, log: EngineLog) -> None:
        self._log = log
        self._position = log.size()

    def latest(self) -> float | None:
        """The last percentage (0 to 100) in the new output, None if there is none."""
        with self._log.path.open("rb") as file:
            file.seek(min(self._position, self._log.size()))
            text = file.read(_PROGRESS_CHUNK_BYTES)
            self._position = file.tell()
        found = _PERCENT.findall(text)
        return min(float(found[-1][0] or found[-1][1]), 100.0) if found else None
