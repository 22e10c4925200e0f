"""Which outputs would be lost with the output directory that they are in (Law 3). It changes nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..files import sha256_of
from .files import identity
from .ledger import Entry


@dataclass(frozen=True)
class Undelivered:
    """A file that is, or may be, a whole output, and that is not where it was to go.

    Parameters
    ----------
    reason: why it is not delivered.
    """

    name: str
    size_bytes: int
    reason: str


def undelivered(directory: Path, entries: Sequence[Entry] | None) -> list[Undelivered]:
    """The outputs in a directory that are not delivered, or that have changed since.

    Parameters
    ----------
    entries: the expected outputs of the ledger; None if there is no ledger, so that any file may be an output.

    Raises
    ------
    OSError: the directory or a file in it cannot be read.
    """
    if not directory.is_dir():
        return []
    if entries is None:
        found = [(name, _file(directory / name)) for name in sorted(os.listdir(directory))]  # noqa: PTH208
        return [Undelivered(name, file.st_size, "no ledger says what it is") for name, file in found if file]
    return [lost for entry in entries if (lost := _lost(directory, entry)) is not None]


def _lost(directory: Path, entry: Entry) -> Undelivered | None:
    path = directory / entry.output.name
    file = _file(path)
    if file is None:
        return None
    if not entry.delivered:
        return Undelivered(path.name, file.st_size, entry.error or f"it is {entry.state}, not registered")
    if identity(file) == entry.identity or (file.st_size == entry.size_bytes and sha256_of(path) == entry.sha256):
        return None
    return Undelivered(path.name, file.st_size, "it has changed since it was delivered")


def _file(path: Path) -> os.stat_result | None:
    """A regular file with content; nothing else can be an output."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found if stat.S_ISREG(found.st_mode) and found.st_size > 0 else None
