"""What is known about an export that failed, as data and as one line."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TAIL_LINES = 20
_TAIL_CHARACTERS = 2000


def one_line(text: str) -> str:
    """A text without line breaks, as the messages of actions must be."""
    return " | ".join(part.strip() for part in text.splitlines() if part.strip())


def headline(failure: dict[str, Any]) -> str:
    """A failure in a few words: which export, in which stage, why, and what became of the engine."""
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
