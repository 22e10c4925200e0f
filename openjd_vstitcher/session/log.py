"""Takes what a session logs: into `session.log`, its last lines for failures, and its facts for the journal."""

from __future__ import annotations

import json
import logging
import re
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

EVENT_PREFIX = "vstitcher_event: "
"""A line of an action's output that begins so holds a fact for the journal, as JSON."""

_EVENT_NAME = re.compile(r"[a-z][a-z_]{0,39}")
_LAST_LINES = 20
_MAX_EVENT_CHARS = 65_536


class SessionLog(logging.Handler):
    """A handler for the logger of `openjd.sessions`.

    Parameters
    ----------
    path: the log file; it is continued.
    redact: takes credentials out of each line.
    on_fact: called with (name, fields) for each fact that an action printed.
    """

    def __init__(self, path: Path, *, redact: Callable[[str], str], on_fact: Callable[[str, dict[str, Any]], None]):
        super().__init__(logging.INFO)
        self._file = path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
        self.redact = redact
        self._on_fact = on_fact
        self._output: deque[str] = deque(maxlen=_LAST_LINES)
        self._facts: dict[str, dict[str, Any]] = {}
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s"))

    def start_action(self, title: str) -> None:
        """Begin to collect the output of another action."""
        self._output.clear()
        self._facts.clear()
        self._write(f"=== {title}\n")

    def last_lines(self) -> list[str]:
        """The last lines that the action printed, without the messages of the protocol."""
        return list(self._output)

    def fact(self, name: str) -> dict[str, Any]:
        """The last fact of a name that the action printed, empty if it printed none."""
        return self._facts.get(name, {})

    def emit(self, record: logging.LogRecord) -> None:
        text = self.redact(record.getMessage())
        for line in text.splitlines() or [""]:
            if line.startswith(EVENT_PREFIX):
                self._fact(line.removeprefix(EVENT_PREFIX))
            elif _is_output(record) and not line.startswith(("openjd_", "Output:")):
                self._output.append(line)
        record = logging.makeLogRecord({**record.__dict__, "msg": text, "args": None})
        self._write(self.format(record) + "\n")

    def close(self) -> None:
        self._file.close()
        super().close()

    def _write(self, text: str) -> None:
        """A log that cannot be written (a full disk) costs its lines, never the job."""
        try:
            self._file.write(text)
        except OSError as error:
            logging.getLogger(__name__).warning("the session's log cannot be written: %s", error)

    def _fact(self, text: str) -> None:
        try:
            data = json.loads(text[:_MAX_EVENT_CHARS])
        except (ValueError, RecursionError):
            return
        name = data.pop("event", None) if isinstance(data, dict) else None
        if isinstance(name, str) and _EVENT_NAME.fullmatch(name):
            self._facts[name] = data
            self._on_fact(name, data)


def _is_output(record: logging.LogRecord) -> bool:
    content = getattr(record, "openjd_log_content", None)
    return content is not None and "COMMAND_OUTPUT" in str(content)
