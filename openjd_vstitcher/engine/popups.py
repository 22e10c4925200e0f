"""What to do about the windows that an engine opens: rules from the configuration against a list of windows. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..config import PopupRule


@dataclass(frozen=True)
class Window:
    """A window of the engine.

    Parameters
    ----------
    modal: whether it waits for an answer.
    buttons: the texts of its buttons.
    handle: what the system knows it by.
    """

    title: str
    text: str = ""
    buttons: tuple[str, ...] = ()
    modal: bool = True
    pid: int = 0
    handle: int = 0

    @classmethod
    def parse(cls, data: dict[str, Any]) -> Window:
        """A window of a recorded list."""
        return cls(
            title=str(data.get("title", "")),
            text=str(data.get("text", "")),
            buttons=tuple(str(button) for button in data.get("buttons", ())),
            modal=bool(data.get("modal", True)),
            pid=int(data.get("pid", 0)),
            handle=int(data.get("handle", 0)),
        )

    def __str__(self) -> str:
        buttons = "".join(f" [{button}]" for button in self.buttons)
        return f"{self.title}: {self.text}{buttons}" if self.text else f"{self.title}{buttons}"


@dataclass(frozen=True)
class Press:
    """Answer a window with one of its buttons."""

    window: Window
    button: str


@dataclass(frozen=True)
class Refuse:
    """Fail the export with the window's text."""

    window: Window


def decide(windows: Sequence[Window], rules: Sequence[PopupRule]) -> Press | Refuse | None:
    """What to do about the first modal window that a rule knows.

    The first rule whose `title` and `text` are found in the window counts. A rule's button that the window does not
    have fails the export: pressing nothing would hang.
    """
    for window in windows:
        if not window.modal:
            continue
        for rule in rules:
            if re.search(rule.title, window.title) and re.search(rule.text, window.text):
                button = _button(window, rule.button) if rule.action == "press" else None
                return Press(window, button) if button else Refuse(window)
    return None


def _button(window: Window, wanted: str) -> str | None:
    plain = {button.replace("&", "").casefold(): button for button in window.buttons}
    return plain.get(wanted.replace("&", "").casefold())
