"""Decides what to do about an engine's popup windows, by the rules of the configuration. Pure."""

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
    modal: True if it blocks the engine until it is answered.
    buttons: the labels of its buttons.
    handle: its identifier in the window system.
    """

    title: str
    text: str = ""
    buttons: tuple[str, ...] = ()
    modal: bool = True
    pid: int = 0
    handle: int = 0

    @classmethod
    def parse(cls, data: dict[str, Any]) -> Window:
        """A window from a JSON list of windows."""
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
class Fail:
    """Fail the request with the window's text."""

    window: Window


def decide(windows: Sequence[Window], rules: Sequence[PopupRule]) -> Press | Fail | None:
    """The action for the first modal window that matches a rule, None if no window does.

    The first matching rule applies: its `title` and `text` are both found in the window. If the window does not have
    the button of the rule, the action is `Fail`: without an answer the engine would hang.
    """
    for window in windows:
        if not window.modal:
            continue
        for rule in rules:
            if re.search(rule.title, window.title) and re.search(rule.text, window.text):
                button = _button(window, rule.button) if rule.action == "press" else None
                return Press(window, button) if button else Fail(window)
    return None


def _button(window: Window, wanted: str) -> str | None:
    plain = {button.replace("&", "").casefold(): button for button in window.buttons}
    return plain.get(wanted.replace("&", "").casefold())
