"""How much the inputs of a job may take: bytes, seconds, and disk."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from ...config import InputsConfig
from ...errors import InvalidInput, Problem, StorageError
from ...files import is_machine_fault


class Allowance:
    """What the inputs of a job may take. Counts their bytes, from several threads.

    Parameters
    ----------
    config: its limits on bytes and seconds.
    min_free_bytes: what stays free on the disk.
    """

    def __init__(self, config: InputsConfig, min_free_bytes: int = 0) -> None:
        self.config = config
        self.min_free_bytes = min_free_bytes
        self._taken = 0
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Count bytes; negative if they were given up. False if they are too many."""
        with self._lock:
            self._taken += size
            return self._taken <= self.config.max_total_bytes


class Sink:
    """A file that an input is written to, within the limits. Writing again from the start gives back what was counted.

    Parameters
    ----------
    shown: what errors call the input.
    expected: its size in bytes, if that is known.
    """

    def __init__(self, path: Path, shown: str, expected: int | None, allowance: Allowance) -> None:
        self.path = path
        self.size = 0
        self._shown = shown
        self._expected = expected
        self._allowance = allowance
        self._file: BinaryIO | None = None

    def open(self, *, append: bool = False) -> Sink:
        """Begin to write, from the start or where it was left.

        Raises
        ------
        StorageError: the disk does not let it.
        """
        if not append:
            self._allowance.take(-self.size)
            self.size = 0
        try:
            self._file = self.path.open("ab" if append else "wb")
        except OSError as error:
            raise disk_error(self._shown, self.path.parent, error) from error
        return self

    def __enter__(self) -> Sink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._file is None:
            return
        try:
            self._file.close()
        except OSError as failed:
            if error is None:
                raise disk_error(self._shown, self.path.parent, failed) from failed

    def check_size(self, size: int) -> None:
        """Refuse an input of this size in bytes if it is too large.

        Raises
        ------
        InvalidInput: it is.
        """
        if self._expected is not None and size > self._expected:
            message = f"has more than the {self._expected} bytes that it had when the job was prepared"
            raise _refused(f"{self._shown} {message}")
        allowed = self._allowance.config.max_bytes
        if size > allowed:
            raise _refused(f"{self._shown} has more bytes than inputs.max_bytes allows ({allowed})")

    def write(self, data: bytes) -> None:
        """Write.

        Raises
        ------
        InvalidInput: the input, or all inputs together, are larger than allowed, or than it was when it was resolved.
        StorageError: the disk is full or broken.
        """
        self.count(len(data))
        try:
            if self._file is not None:
                self._file.write(data)
        except OSError as error:
            raise disk_error(self._shown, self.path.parent, error) from error

    def count(self, size: int) -> None:
        """Count bytes that were written to the file in another way; the errors of `write`."""
        self.check_size(self.size + size)
        self.size += size
        if not self._allowance.take(size):
            allowed = f"inputs.max_total_bytes ({self._allowance.config.max_total_bytes})"
            raise _refused(f"the inputs of the job, with {self._shown}, have more bytes than {allowed} allows")
        check_free(self.path.parent, self._allowance.min_free_bytes, self._shown)


def check_free(folder: Path, min_free_bytes: int, shown: str) -> None:
    """Stop before the disk of a folder is full.

    Raises
    ------
    StorageError: less than this is free; transient.
    """
    free = shutil.disk_usage(folder).free
    if free < min_free_bytes:
        reason = f"the disk of {folder} has only {free} bytes free, and staging leaves {min_free_bytes}"
        raise StorageError(f"cannot fetch {shown}: {reason}", transient=True)


def disk_error(shown: str, folder: Path, error: OSError) -> StorageError:
    """The error for a write that failed; transient if the machine is to blame."""
    reason = error.strerror or type(error).__name__
    return StorageError(f"cannot fetch {shown}: the disk of {folder}: {reason}", transient=is_machine_fault(error))


def _refused(message: str) -> InvalidInput:
    return InvalidInput("inputs manifest", [Problem("", message)])
