"""The commands that a template runs: where they are, and whether a worker allows them (Law 8)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ..errors import InvalidInput, Problem


def check_commands(data: Mapping[str, Any], allowed: Collection[str], source: str) -> None:
    """Refuse a template whose actions run anything but the allowed commands (Law 8).

    Raises
    ------
    InvalidInput: with the place of each command that is not allowed.
    """
    problems = [
        Problem(pointer, f"runs {command!r}; this worker allows only {', '.join(sorted(allowed))}")
        for pointer, command in action_commands(data)
        if command not in allowed
    ]
    if problems:
        raise InvalidInput(source, problems)


def action_commands(node: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    """The command of each action of a template, with its place. What is not a template is looked through too."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "actions" and isinstance(value, dict):
                for name, action in value.items():
                    command = action.get("command") if isinstance(action, dict) else None
                    yield f"{pointer}/actions/{name}/command", command
            else:
                yield from action_commands(value, f"{pointer}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from action_commands(value, f"{pointer}/{index}")
