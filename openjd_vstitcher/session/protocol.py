"""Decides which lines that an action prints may change its session."""

from __future__ import annotations

import logging

_ALWAYS = ("openjd_progress: ", "openjd_status: ", "openjd_fail: ")


class ProtocolFilter(logging.Filter):
    """A filter for the logger of `openjd.sessions`, where that library reads its protocol.

    It must be added before the session adds its own filter. While `ignore_variables` is set, the only protocol lines
    are progress, status and failure. Others set no environment variable, change no log level and fail no action: they
    stay in the log, marked as ignored.

    Attributes
    ----------
    session_id: the session whose lines it reads.
    """

    def __init__(self) -> None:
        super().__init__()
        self.session_id = ""
        self.ignore_variables = True

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.msg
        if (
            self.ignore_variables
            and isinstance(text, str)
            and getattr(record, "session_id", None) == self.session_id
            and text.lstrip().lower().startswith("openjd_")
            and not text.startswith(_ALWAYS)
        ):
            record.msg = f"ignored: {text}"
        return True
