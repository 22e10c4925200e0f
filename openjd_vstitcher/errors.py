"""The errors of this package. Each carries what its reader needs to act; none holds a credential."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class OpenjdVsError(Exception):
    """Base of every error that this package raises on purpose."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an input.

    Parameters
    ----------
    pointer: JSON pointer (RFC 6901) to the place, "" for the whole document.
    message: what was found and what was expected, as a sentence part.
    line, column: the place in the file, counted from 1; 0 if it is not known.
    offset: where in the text at the pointer, in characters; -1 for the whole text.
    """

    pointer: str
    message: str
    line: int = 0
    column: int = 0
    offset: int = -1

    def __str__(self) -> str:
        if not self.line:
            return f"{self.pointer or '/'}: {self.message}"
        return f"line {self.line}, column {self.column}: {self.pointer}{': ' if self.pointer else ''}{self.message}"


class InvalidInput(OpenjdVsError):
    """An input was refused before anything started.

    Parameters
    ----------
    source: what was read: a file's path, or a phrase such as "job details".
    problems: all that was found wrong, in document order.
    """

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{source}: {problem}" for problem in self.problems))


class ConfigError(OpenjdVsError):
    """The configuration is unusable.

    Parameters
    ----------
    problems: everything that is wrong, each with the file, the key, and what was expected and found.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class EngineError(OpenjdVsError):
    """The engine could not be found, started, reached, or made to do something."""


class StorageError(OpenjdVsError):
    """A storage operation failed.

    Parameters
    ----------
    message: what was tried on what, and why it failed.
    transient: whether trying again later can succeed without anyone acting.
    credential: whether the credential was refused, which passes when it is being renewed.
    """

    def __init__(self, message: str, *, transient: bool, credential: bool = False) -> None:
        self.transient = transient
        self.credential = credential
        super().__init__(message)


class PlatformError(OpenjdVsError):
    """The platform could not be reached or refused what was asked.

    Parameters
    ----------
    message: what was asked, and what the platform answered.
    transient: whether trying again later can succeed without anyone acting.
    credential: whether the credential was refused, which passes when it is being renewed.
    """

    def __init__(self, message: str, *, transient: bool = False, credential: bool = False) -> None:
        self.transient = transient
        self.credential = credential
        super().__init__(message)


class NotFound(PlatformError):
    """The platform has no such job, preset or asset."""


class Unreadable(PlatformError):
    """What the platform answered is nested too deeply to be read."""


class ClaimLost(PlatformError):
    """Another attempt has begun, or the job was taken back: this claim may no longer write."""
