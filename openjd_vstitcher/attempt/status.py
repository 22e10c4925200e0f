"""`status.json`: what an attempt's process is doing, for whoever watches it, and for a daemon that starts again."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from .. import events
from ..errors import OpenjdVsError
from ..files import read_whole, write_json
from ..journal import Entry
from ..progress import RunProgress

_log = logging.getLogger(__name__)
_HEARTBEAT_S = 5.0
_LEAST_INTERVAL_S = 0.5
_LAST_WRITE_S = 30.0
_ALIVE_S = 15.0
HANG_S = 300.0
"""An attempt whose work has made no progress for this long is stuck."""

State = Literal["starting", "running", "uploading", "reporting", "ended"]


class StatusUnreadable(OpenjdVsError):
    """A status file is there and cannot be read; its process may well live."""


@dataclass(frozen=True)
class Status:
    """The state of an attempt's process; its form is `schemas/status.schema.json`.

    Parameters
    ----------
    step: the step that runs, None between steps.
    progress: of the whole job, in percent.
    message: the last status message of an action, or what an upload is waiting for.
    pid: the process that writes this; whether it lives tells the lock of its directory, see `attempt.lock`.
    heartbeat: when this was written, UTC; it is written again every few seconds while the work goes on.
    outcome: how the attempt ended, once it has.
    """

    job_id: str
    attempt: int
    state: State
    step: str | None
    progress: float
    message: str
    pid: int
    heartbeat: datetime
    outcome: Mapping[str, Any] | None = None


def read_status(path: Path) -> Status | None:
    """The status in a file, None where there is none yet.

    Raises
    ------
    StatusUnreadable: there is one, but it cannot be read now.
    """
    try:
        data = json.loads(read_whole(path))
        known = {field.name: data[field.name] for field in fields(Status) if field.name in data}
        return Status(**{**known, "heartbeat": datetime.fromisoformat(data["heartbeat"])})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StatusUnreadable(f"{path} cannot be read: {error}") from error


def write_status(path: Path, status: Status) -> None:
    """Write a status, so that a reader sees the old one or this."""
    write_json(path, asdict(status), default=datetime.isoformat)


class StatusFile:
    """Keeps an attempt's `status.json` up to date from its events, and a heartbeat in it while its work goes on.

    The heartbeat comes from a thread, but it stops when nobody calls `alive` any more: a thread alone would hide that
    the work itself is stuck.

    Parameters
    ----------
    outcome: how the attempt ended, where an earlier process has said so.
    """

    def __init__(self, path: Path, *, job_id: str, attempt: int, outcome: Mapping[str, Any] | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._run = RunProgress()
        self._written = 0.0
        self._ended = threading.Event()
        self._alive_until_s = 0.0
        self.alive()
        self._status = Status(
            job_id, attempt, "starting", None, 0.0, "", os.getpid(), datetime.now(UTC), outcome and dict(outcome)
        )
        self._write()
        threading.Thread(target=self._beat, name="status", daemon=True).start()

    @property
    def told(self) -> tuple[float, str]:
        """Progress in percent, and the step with the last message, for the queue."""
        status = self._status  # not under the lock: a full disk holds it for long, and heartbeats must not wait
        return status.progress, ": ".join(filter(None, [status.step, status.message]))

    def alive(self, for_s: float = _ALIVE_S) -> None:
        """Say that the work goes on. May be called from any thread, as often as wanted.

        Parameters
        ----------
        for_s: how long the work counts as alive without another call, in seconds.
        """
        self._alive_until_s = time.monotonic() + for_s

    @property
    def is_alive(self) -> bool:
        """Whether the work goes on, as far as `alive` has said."""
        return time.monotonic() <= self._alive_until_s

    def on_event(self, entry: Entry) -> None:
        """Follow an event of the journal."""
        self.alive()
        now_s = entry.time.timestamp()
        self._run.on_event(entry.event, now_s)
        match entry.event:
            case events.StepStarted(step=step):
                self._set(state="running", step=step, message="")
            case events.ActionStarted(kind="run", task_number=int(number), task_count=int(count)) if count > 1:
                self._set(message=f"{number} of {count}")
            case events.ActionEnded(kind="run") | events.ActionProgress():
                self._set(progress=round(self._run.percent(now_s), 1))
            case events.ActionStatus(status=status):
                self._set(message=status)
            case events.OutputWaiting(reason=reason):
                self._set(message=reason)
            case events.RunEnded():
                self._set(state="uploading", step=None)

    def reporting(self, outcome: Mapping[str, Any]) -> None:
        """Write how the attempt ended; from here on a later process can report it. Tries for a while on a full disk."""
        with self._lock:
            self._status = replace(self._status, state="reporting", step=None, progress=100.0, outcome=dict(outcome))
            self._write_at_last()

    def end(self, outcome: Mapping[str, Any]) -> None:
        """Say that the process ends; the last thing that it does."""
        self._ended.set()
        with self._lock:
            self._status = replace(self._status, state="ended", step=None, outcome=dict(outcome))
            self._write_at_last()

    def _write_at_last(self) -> None:
        deadline = time.monotonic() + _LAST_WRITE_S
        while not self._write() and time.monotonic() < deadline:
            time.sleep(_LEAST_INTERVAL_S)

    def _set(self, **changes: Any) -> None:
        with self._lock:
            self._status = replace(self._status, **changes)
            if "state" in changes or time.monotonic() - self._written >= _LEAST_INTERVAL_S:
                self._write()

    def _beat(self) -> None:
        while not self._ended.wait(_HEARTBEAT_S):
            if not self.is_alive:
                continue
            with self._lock:
                if not self._ended.is_set():
                    self._write()

    def _write(self) -> bool:
        self._written = time.monotonic()
        self._status = replace(self._status, heartbeat=datetime.now(UTC))
        try:
            write_status(self._path, self._status)
        except OSError as error:
            _log.warning("%s cannot be written: %s", self._path, error)
            return False
        return True
