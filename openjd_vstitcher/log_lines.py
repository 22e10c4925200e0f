"""What a line of a program's log looks like: without credentials, as text for people or as JSON for collectors."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from .redaction import Redaction

_FIELDS = ("job", "attempt")


def about(attempt_key: str) -> Mapping[str, Any]:
    """What a line is about, for the `extra` of a logging call; a line of JSON has it as fields of its own.

    Parameters
    ----------
    attempt_key: `JOB.ATTEMPT`, as the directory of the attempt is named.
    """
    job, _, attempt = attempt_key.rpartition(".")
    return {"job": job, "attempt": int(attempt)} if attempt.isdecimal() else {}


class LogFormatter(logging.Formatter):
    """Formats log records, with their tracebacks, without credentials.

    Parameters
    ----------
    also: see `Redaction`.
    as_json: one JSON object a line, with time (UTC, ISO 8601), level, logger, message, and, where they are known, job,
        attempt and traceback; else text.
    """

    def __init__(self, also: Collection[str] = (), *, as_json: bool = False) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self._redact = Redaction(os.environ, also)
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line, or as several where text has a traceback."""
        if not self._as_json:
            return self._redact(super().format(record))
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **{name: vars(record)[name] for name in _FIELDS if name in vars(record)},
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(self._redact.json(line), ensure_ascii=False)
