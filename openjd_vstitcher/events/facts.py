"""What actions report on their output. It comes from engines and inputs, so it is decoded strictly and bounded."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable
from typing import Any

import msgspec

from .base import Count, Event, Seconds

_log = logging.getLogger(__name__)
_MAX_TEXT = 4_000
_MAX_DEPTH = 20


class EngineReady(Event, frozen=True, kw_only=True):
    """The engine runs and the garment is open.

    Parameters
    ----------
    engine: the kind of engine.
    start_s: seconds that its start took; 0 when it was already running.
    kept: whether it was kept running after an earlier session.
    """

    engine: str
    version: str = ""
    garment: str | None = None
    start_s: Seconds | None = None
    kept: bool = False


class EngineRestarted(Event, frozen=True, kw_only=True):
    """The engine had stopped and was started again."""

    start_s: Seconds | None = None


class GarmentReopened(Event, frozen=True, kw_only=True):
    """The garment was opened again, because an export needs it without mutations that were applied before."""

    path: str


class ArtworkApplied(Event, frozen=True, kw_only=True):
    """A piece of artwork was put on a material."""

    material: str
    file: str


class MutationApplied(Event, frozen=True, kw_only=True):
    """A mutation was applied to the open garment."""

    mutation: dict[str, Any]


class Unproven(Event, frozen=True, kw_only=True):
    """A change was asked of the engine, but reading back does not show it.

    Parameters
    ----------
    change: the mutation, artwork or field of an instruction.
    """

    change: str
    reason: str


class Unchanged(Event, frozen=True, kw_only=True):
    """A mutation found nothing in the garment to change."""

    change: str


class Staged(Event, frozen=True, kw_only=True):
    """An input is in the session's working directory."""

    what: str
    name: str
    uri: str | None = None
    version: str | None = None
    size_bytes: Count
    sha256: str


class Limited(Event, frozen=True, kw_only=True):
    """A field of an export's instruction could not be followed as asked.

    Parameters
    ----------
    asked: the value in the instruction.
    used: the value that was used; None when the field has no effect.
    """

    output: str
    field: str
    asked: Any
    used: Any
    reason: str | None = None


class Exported(Event, frozen=True, kw_only=True):
    """The engine made an output."""

    output: str
    size_bytes: Count
    seconds: Seconds


class ExportFailed(Event, frozen=True, kw_only=True):
    """The engine could not make an output.

    Parameters
    ----------
    stage: what the engine was doing, such as "export".
    engine_error: the engine's own error.
    exit: how the engine's process ended, if it did.
    windows: the titles of the engine's open windows.
    log_tail: the last lines that the engine printed.
    """

    export: str | None = None
    stage: str
    message: str
    engine_error: Any = None
    exit: str | None = None
    windows: list[str] = msgspec.field(default_factory=list)
    log_tail: list[str] = msgspec.field(default_factory=list)
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)


class ScriptSucceeded(Event, frozen=True, kw_only=True):
    """A script ended with exit code 0.

    Parameters
    ----------
    output: the last lines that it printed.
    """

    script: str
    arguments: dict[str, Any]
    seconds: Seconds
    output: list[str] = msgspec.field(default_factory=list)


class ScriptFailed(Event, frozen=True, kw_only=True):
    """A script failed.

    Parameters
    ----------
    exit_code: None if it could not be started or was stopped.
    reason: why it failed.
    output: the last lines that it printed.
    """

    script: str
    arguments: dict[str, Any]
    seconds: Seconds
    exit_code: int | None = None
    reason: str
    output: list[str] = msgspec.field(default_factory=list)


Fact = (
    EngineReady
    | EngineRestarted
    | GarmentReopened
    | ArtworkApplied
    | MutationApplied
    | Unproven
    | Unchanged
    | Staged
    | Limited
    | Exported
    | ExportFailed
    | ScriptSucceeded
    | ScriptFailed
)
"""The events that actions may report. No action can report another event, such as the end of the job."""


def fact(text: str, change: Callable[[str], str] = str) -> Fact | None:
    """What an action reported, from the JSON that it printed; None when it is not a `Fact`.

    Long strings are shortened and deep nesting is cut, so a fact can be stored anywhere.

    Parameters
    ----------
    change: applied to every string, such as a redaction.
    """
    try:
        return msgspec.convert(_bounded(json.loads(text), change), Fact)  # type: ignore[no-any-return]  # of a union
    except (ValueError, RecursionError) as error:
        _log.debug("ignored a report of an action: %s", error)
        return None


def _bounded(value: Any, change: Callable[[str], str], depth: int = 0) -> Any:
    """A JSON value without long strings, deep nesting, and what a database rejects: NUL, lone surrogates, infinity."""
    if isinstance(value, str):
        text = change(value).encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
        return text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (dict, list)) and depth >= _MAX_DEPTH:
        return "…"
    if isinstance(value, dict):
        return {_bounded(key, change): _bounded(item, change, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_bounded(item, change, depth + 1) for item in value]
    return value
