"""A failed export as data, as one line of text and as a line for the journal.

The engine's client imports this for every task, so it imports as little as possible.
"""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TAIL_LINES = 20
_TAIL_CHARACTERS = 2000
_TEXT_CHARACTERS = 4000
_LINE_CHARACTERS = 60_000
"""`openjd.sessions` splits longer lines of output."""


def one_line(text: str) -> str:
    """A text without line breaks, as the messages of actions must be."""
    return " | ".join(part.strip() for part in text.splitlines() if part.strip())


def headline(failure: dict[str, Any]) -> str:
    """A failure in a few words: the export, the stage, the reason, and how the engine's process ended."""
    parts = [f"{failure.get('export') or 'the engine'} failed in stage {failure.get('stage')}: {failure['message']}"]
    if failure.get("engine_error"):
        parts.append(f"engine error: {failure['engine_error']}")
    if failure.get("exit"):
        parts.append(f"the engine's process {failure['exit']}")
    if failure.get("windows"):
        parts.append("windows: " + " / ".join(failure["windows"]))
    return one_line("; ".join(parts))


def describe(failure: dict[str, Any]) -> str:
    """A failure as one line: its headline, the parameters of the export, the engine's last output."""
    parts = [headline(failure)]
    if failure.get("parameters"):
        parts.append(f"parameters: {json.dumps(failure['parameters'], ensure_ascii=False, sort_keys=True)}")
    tail = one_line("\n".join(failure.get("log_tail") or []))
    if tail:
        parts.append(f"last output: {tail[-_TAIL_CHARACTERS:]}")
    return one_line("; ".join(parts))


def as_event(failure: dict[str, Any]) -> str:
    """A failure as the JSON of an `export_failed` event that fits in a line of output.

    Long texts are cut at the end. If that is not enough, the last output and the parameters are left out.
    """
    event = {"event": "export_failed", **{key: _cut(value) for key, value in failure.items()}}
    for left_out in ("log_tail", "parameters"):
        text = json.dumps(event)
        if len(text) <= _LINE_CHARACTERS:
            return text
        event.pop(left_out, None)
    return json.dumps(event)


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return value[:_TEXT_CHARACTERS]
    if isinstance(value, list):
        return [_cut(item) for item in value]
    return value
