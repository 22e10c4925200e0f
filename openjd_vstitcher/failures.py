"""A failed request of an engine: what is known about it, as data and as one line of text.

The engine's client imports this for every task, so it imports as little as possible.
"""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TAIL_LINES = 20
_TAIL_CHARACTERS = 2000


class EngineFailed(Exception):
    """A request failed.

    Parameters
    ----------
    failure: `stage`, `message`, and where known `engine_error`, `exit`, `windows`, `log_tail`.
    canceled: True if the request ended because its client canceled it.
    """

    def __init__(self, failure: dict[str, Any], *, canceled: bool = False) -> None:
        super().__init__(failure["message"])
        self.failure = failure
        self.canceled = canceled


def one_line(text: str) -> str:
    """A text without line breaks, as the messages of actions must be."""
    return " | ".join(part.strip() for part in text.splitlines() if part.strip())


def headline(failure: dict[str, Any]) -> str:
    """A failure in a few words: the export, the stage, the reason, and how the engine's process ended."""
    parts = [f"{failure.get('export') or 'the engine'} failed in stage {failure.get('stage')}: {failure['message']}"]
    if failure.get("engine_error"):
        parts.append(f"engine error: {failure['engine_error']}")
    if failure.get("exit"):
        parts.append(f"the engine process {failure['exit']}")
    if failure.get("windows"):
        parts.append("windows: " + " / ".join(failure["windows"]))
    return one_line("; ".join(parts))


def describe(failure: dict[str, Any]) -> str:
    """A failure as one line: its headline, the parameters of the export, and the last output of the engine."""
    parts = [headline(failure)]
    if failure.get("parameters"):
        parts.append(f"parameters: {json.dumps(failure['parameters'], ensure_ascii=False, sort_keys=True)}")
    tail = one_line("\n".join(failure.get("log_tail") or []))
    if tail:
        parts.append(f"last output: {tail[-_TAIL_CHARACTERS:]}")
    return one_line("; ".join(parts))
