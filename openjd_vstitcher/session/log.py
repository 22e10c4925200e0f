"""Receives what a session logs: writes `session.log`, keeps the last lines for failures, and reads reported facts."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from pathlib import Path

from ..action_output import EVENT_PREFIX
from ..events import ExportFailed, Fact, fact

_LAST_LINES = 20
_TOLD_ELSEWHERE = ("openjd_progress: ", "openjd_status: ", EVENT_PREFIX)
_HEADING = "Output:"
"""What the session itself logs before the first line of an action."""
_log = logging.getLogger(__name__)


class SessionLog(logging.Handler):
    """A handler for the logger of `openjd.sessions`.

    Parameters
    ----------
    path: the log file; it is appended to.
    redact: removes credentials from a line.
    on_fact: called with each fact that an action reports.
    on_output: called with each line that an action other than ours prints, as it is, but progress and status messages.
    """

    def __init__(
        self,
        path: Path,
        *,
        redact: Callable[[str], str],
        on_fact: Callable[[Fact], object],
        on_output: Callable[[str], object] = lambda line: None,
    ):
        super().__init__(logging.INFO)
        self._file = path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1, newline="\n")
        self.redact = redact
        self._on_fact = on_fact
        self._on_output = on_output
        self._ours = True
        self._output: deque[str] = deque(maxlen=_LAST_LINES)
        self.export_failed: ExportFailed | None = None
        """The last failure that the current action reported."""
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s"))

    def start_action(self, title: str, *, ours: bool) -> None:
        """Forget the output of the previous action.

        Parameters
        ----------
        ours: the action runs one of our own commands.
        """
        self._ours = ours
        self._output.clear()
        self.export_failed = None
        self._write(f"=== {title}\n")

    def last_lines(self) -> list[str]:
        """The last lines that the action printed, without OpenJD messages."""
        return list(self._output)

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        text = self.redact(message)
        if _is_output(record):
            if message.startswith(EVENT_PREFIX):
                self._take(fact(message.removeprefix(EVENT_PREFIX), change=self.redact))
            elif not text.startswith(("openjd_", "Output:")):
                self._output.append(text)
            if not self._ours and not message.startswith(_TOLD_ELSEWHERE) and message != _HEADING:
                self._on_output(message)
        record = logging.makeLogRecord({**record.__dict__, "msg": text, "args": None})
        self._write(self.format(record) + "\n")

    def close(self) -> None:
        self._file.close()
        super().close()

    def _write(self, text: str) -> None:
        """Write to the file. If that fails, as on a full disk, the text is lost, and the job continues."""
        try:
            self._file.write(text)
        except OSError as error:
            _log.warning("cannot write the session log: %s", error)

    def _take(self, reported: Fact | None) -> None:
        if reported is None:
            return
        if isinstance(reported, ExportFailed):
            self.export_failed = reported
        self._on_fact(reported)


def _is_output(record: logging.LogRecord) -> bool:
    content = getattr(record, "openjd_log_content", None)
    return content is not None and "COMMAND_OUTPUT" in str(content)
