"""The record of what happened to a job: JSON lines, only ever appended to. Not for log output of programs."""

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

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Event:
    """One line of the journal; its form is `schemas/event.schema.json`.

    Parameters
    ----------
    seq: position in the journal, from 1.
    time: UTC.
    name: what happened, such as `action_ended` or `output_stored`.
    fields: the facts of it, as JSON values.
    """

    seq: int
    time: datetime
    job_id: str
    attempt: int
    name: str
    fields: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The event as it stands in the journal."""
        head = {
            "seq": self.seq,
            "time": self.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "job_id": self.job_id,
            "attempt": self.attempt,
            "event": self.name,
        }
        return {**head, **self.fields, **head}


class Journal:
    """Appends events to a job's journal file. Safe to use from several threads of one process.

    Parameters
    ----------
    path: the file; it is made if it is not there, and continued if it is.
    on_event: called with each event after it is written (a display, the status file).
    """

    def __init__(
        self,
        path: Path,
        *,
        job_id: str,
        attempt: int = 1,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        self.path = path
        self._job_id = job_id
        self._attempt = attempt
        self._on_event = on_event
        self._lock = threading.Lock()
        self._seq = sum(1 for _ in read_journal(path)) if path.exists() else 0
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        if not _ends_with_newline(path):
            os.write(self._file, b"\n")

    def append(self, name: str, /, **fields: Any) -> Event:
        """Write one event. The line is with the operating system when this returns.

        A journal that cannot be written (a full disk) costs the event, never the job.
        """
        with self._lock:
            self._seq += 1
            event = Event(self._seq, datetime.now(UTC), self._job_id, self._attempt, name, fields)
            line = json.dumps(event.as_json(), ensure_ascii=False, separators=(",", ":"), default=str)
            try:
                os.write(self._file, line.encode("utf-8", "backslashreplace") + b"\n")
            except OSError as error:
                _log.warning("%s cannot be written: %s", self.path, error)
        if self._on_event is not None:
            self._on_event(event)
        return event

    def close(self) -> None:
        """Close the file; the journal can be continued by a new object."""
        os.close(self._file)


class JournalReader:
    """Reads a journal that is still being written, each event once.

    Parameters
    ----------
    path: the file; it may not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def read(self) -> Iterator[Event]:
        """The events since the last call. A line that is not whole yet, or was cut short by a crash, is passed over."""
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
            event = _event(line)
            if event is not None:
                yield event


def read_journal(path: Path) -> Iterator[Event]:
    """The events of a journal, in order."""
    return JournalReader(path).read()


def _event(line: bytes) -> Event | None:
    try:
        data = json.loads(line.decode("utf-8", "replace"))
        return Event(
            seq=data.pop("seq"),
            time=datetime.fromisoformat(data.pop("time")),
            job_id=data.pop("job_id"),
            attempt=data.pop("attempt"),
            name=data.pop("event"),
            fields=data,
        )
    except (ValueError, KeyError, AttributeError):
        return None


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        if file.tell() == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
