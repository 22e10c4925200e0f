"""Says in the daemon's log what the attempts on this machine do, as their journals tell it."""

from __future__ import annotations

import logging
import time
from textwrap import shorten

from .. import events
from ..attempt.directory import AttemptDirectory
from ..attempt.status import StatusUnreadable, read_status
from ..journal import Entry, JournalReader
from ..log_lines import about
from ..sentences import sentence

_log = logging.getLogger(__name__)
_PROGRESS_S = 60.0
"""How often the progress of an attempt is told."""
_MOST_CHARACTERS = 500
"""The longest that an event may make a line; the whole of it is in the journal."""

_INFO = (events.JobPlanned, events.EngineReady, events.EngineRestarted, events.Exported, events.OutputRegistered)
_WARNING = (events.ExportFailed, events.ActionWarning, events.OutputWaiting, events.OutputFailed, events.Limited)


class Narrator:
    """Tells what one attempt does.

    Parameters
    ----------
    from_now: leave out what is in the journal already, which an earlier daemon has told.
    """

    def __init__(self, directory: AttemptDirectory, *, from_now: bool) -> None:
        self._directory = directory
        self._journal = JournalReader(directory.journal)
        self._progress_s = time.monotonic() + _PROGRESS_S
        self._told: tuple[float, str | None] | None = None
        if from_now:
            self._new()

    def tell(self) -> list[Entry]:
        """Log what is new in the journal, and the progress once a minute while there is any. Returns what is new."""
        new = self._new()
        for entry in new:
            level = _level(entry)
            if level is not None:
                self._say(level, sentence(entry.event))
        if time.monotonic() >= self._progress_s:
            self._progress_s = time.monotonic() + _PROGRESS_S
            self._tell_progress()
        return new

    def _new(self) -> list[Entry]:
        """The new entries of the journal; none while the disk cannot be read, which must not end the daemon."""
        try:
            return list(self._journal.read())
        except OSError as error:
            _log.debug("%s", error)
            return []

    def _tell_progress(self) -> None:
        try:
            status = read_status(self._directory.status)
        except StatusUnreadable:
            return
        if status is None or (status.progress, status.step) == self._told:
            return
        self._told = (status.progress, status.step)
        where = ": ".join(filter(None, (status.step or status.state, status.message)))
        self._say(logging.INFO, f"{status.progress:.0f} %, {where}")

    def _say(self, level: int, text: str) -> None:
        key = self._directory.path.name
        _log.log(level, "%s: %s", key, shorten(text, _MOST_CHARACTERS), extra=about(key))


def _level(entry: Entry) -> int | None:
    """The level at which an event is told, None where it is not."""
    event = entry.event
    if isinstance(event, events.JobEnded):
        return logging.INFO if event.status == "COMPLETED_SUCCESS" else logging.WARNING
    if isinstance(event, _WARNING):
        return logging.WARNING
    return logging.INFO if isinstance(event, _INFO) else None
