"""The append-only record of what happened to an attempt, as JSON lines. Not for the output of programs."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from .events import Event, event_of, fields_of, name_of
from .files import open_for_owner

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """An event with its place in the journal. `schemas/event.schema.json` describes its JSON form.

    Parameters
    ----------
    seq: position in the journal, from 1; 0 for events that the platform recorded itself.
    time: UTC.
    """

    seq: int
    time: datetime
    job_id: str
    attempt: int
    event: Event

    @classmethod
    def of(cls, data: Any) -> Entry:
        """Read an entry from what `as_json` gives. Raises `msgspec.ValidationError` for anything else."""
        head = msgspec.convert(data, _Head)
        fields = {key: value for key, value in data.items() if key not in _Head.__struct_fields__}
        return cls(head.seq, head.time, head.job_id, head.attempt, event_of(head.event, fields))

    @property
    def name(self) -> str:
        """The event's name, such as `step_started`."""
        return name_of(self.event)

    @property
    def fields(self) -> dict[str, Any]:
        """The event's fields as JSON values."""
        return fields_of(self.event)

    def as_json(self) -> dict[str, Any]:
        """The entry as a line of the journal: one flat object."""
        head = {
            "seq": self.seq,
            "time": self.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "job_id": self.job_id,
            "attempt": self.attempt,
            "event": self.name,
        }
        return {**head, **self.fields, **head}


class Journal:
    """Appends events to a journal file. Safe to use from several threads of one process.

    Parameters
    ----------
    path: the file. It is created, or continued if it exists.
    on_event: called with each entry after it was written. It may append events itself.
    """

    def __init__(
        self,
        path: Path,
        *,
        job_id: str,
        attempt: int = 1,
        on_event: Callable[[Entry], None] | None = None,
    ) -> None:
        self.path = path
        self._job_id = job_id
        self._attempt = attempt
        self._on_event = on_event
        self._lock = threading.Lock()
        self._seq = max((entry.seq for entry in read_journal(path)), default=0)
        self._file = open_for_owner(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0))
        self._cut_short = not _ends_with_newline(path)

    def append(self, event: Event) -> Entry:
        """Write an event. The operating system has the line when this returns.

        If the journal cannot be written, as on a full disk, the event is lost, and the job continues.
        """
        with self._lock:
            self._seq += 1
            entry = Entry(self._seq, datetime.now(UTC), self._job_id, self._attempt, event)
            line = json.dumps(entry.as_json(), ensure_ascii=False, separators=(",", ":"), default=str)
            self._write(line.encode("utf-8", "backslashreplace") + b"\n")
        if self._on_event is not None:
            self._on_event(entry)
        return entry

    def close(self) -> None:
        """Close the file. A new `Journal` can continue it."""
        os.close(self._file)

    def _write(self, line: bytes) -> None:
        left = b"\n" + line if self._cut_short else line
        try:
            while left:
                written = os.write(self._file, left)
                self._cut_short = not left[:written].endswith(b"\n")
                left = left[written:]
        except OSError as error:
            _log.warning("cannot write %s: %s", self.path, error)


class JournalReader:
    """Reads a journal that is still being written, each entry once.

    Parameters
    ----------
    path: the file; it may not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def read(self) -> Iterator[Entry]:
        """The entries since the last call. An incomplete line is left for later; a line cut by a crash is skipped."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                lines = file.read().splitlines(keepends=True)
        except FileNotFoundError:
            return
        for line in lines:
            if not line.endswith(b"\n"):
                return
            self._offset += len(line)
            entry = _entry(line)
            if entry is not None:
                yield entry


def read_journal(path: Path) -> Iterator[Entry]:
    """The entries of a journal, in order; none if the file does not exist."""
    return JournalReader(path).read()


class _Head(msgspec.Struct):
    seq: int
    time: datetime
    job_id: str
    attempt: int
    event: str


def _entry(line: bytes) -> Entry | None:
    try:
        return Entry.of(json.loads(line.decode("utf-8", "replace")))
    except (ValueError, RecursionError):
        return None


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
