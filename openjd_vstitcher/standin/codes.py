"""Error codes of `BwApi` calls, and the exception that carries one. Imports nothing of the stand-in."""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """Error codes. Only `SUCCESS` and `PENDING` are known from VStitcher; the others are the stand-in's own."""

    PENDING = -2
    SUCCESS = 0
    INVALID_ARGUMENT = 1
    NO_GARMENT = 2
    NOT_FOUND = 3
    CANNOT_READ = 4
    CANNOT_WRITE = 5
    NO_SNAPSHOT_AVAILABLE = 6
    UNSAVED = 7
    INVALID_JSON = 8
    WRONG_THREAD = 9
    RENDER_FAILED = 10
    IN_USE = 11
    NOT_SUPPORTED = 12
    WRONG_KIND = 13


class ApiError(Exception):
    """A call failed. Scripts get the code from `GetLastError()`; the message goes to the log."""

    def __init__(self, code: Code, message: str) -> None:
        self.code = code
        super().__init__(message)
