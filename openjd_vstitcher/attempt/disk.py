"""Notices a full disk when an action fails: then this machine is to blame, not the job (Law 10)."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..events import ActionEnded, Failure
from ..journal import Entry

_SAYINGS = ("no space left on device", "disk quota exceeded", "not enough space on the disk")
"""What programs print when a disk is full; the last one on Windows."""


class DiskWatch:
    """Follows the events of an attempt. A moment later the disk may have room again: partial files are removed.

    Parameters
    ----------
    folder: on the disk that the outputs are written to.
    min_free_bytes: with less free space than this, a failure is not the job's.
    """

    def __init__(self, folder: Path, min_free_bytes: int) -> None:
        self._folder = folder
        self._min_free_bytes = min_free_bytes
        self._found = ""

    def on_event(self, entry: Entry) -> None:
        """Look at the disk if an action has failed."""
        if not self._found and isinstance(entry.event, ActionEnded) and entry.event.failure is not None:
            self._found = self._shortage() or _said(entry.event.failure)

    def shortage(self) -> str:
        """That the disk was full when an action failed, or is full now; "" if it is not."""
        return self._found or self._shortage()

    def _shortage(self) -> str:
        try:
            free = shutil.disk_usage(self._folder).free
        except OSError as error:
            return f"the disk of {self._folder} cannot be used: {error.strerror or error}"
        return f"only {free >> 20} MiB are free on the disk of {self._folder}" if free < self._min_free_bytes else ""


def _said(failure: Failure) -> str:
    """The line in which a failed action says that the disk is full, "" if it does not."""
    lines = (failure.message, *failure.last_lines)
    return next((line for line in lines if any(saying in line.lower() for saying in _SAYINGS)), "")
