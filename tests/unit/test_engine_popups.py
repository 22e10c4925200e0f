"""Popup rules are matched against the engine's modal windows."""

from __future__ import annotations

import pytest

from openjd_vstitcher.config import PopupRule
from openjd_vstitcher.engine.popups import Fail, Press, Window, decide

MAIN = {"title": "VStitcher - tee.bw", "text": "", "buttons": [], "modal": False, "pid": 7, "handle": 100}
FONTS = {
    "title": "Missing fonts",
    "text": "Some fonts of this garment are missing:\nFutura",
    "buttons": ["&Ignore", "Cancel"],
    "pid": 7,
    "handle": 101,
}
LICENCE = {"title": "Browzwear", "text": "Your licence has expired.", "buttons": ["OK"], "pid": 7, "handle": 102}
RULES = (
    PopupRule(title="^Missing fonts$", action="press", button="Ignore"),
    PopupRule(text="(?i)licen[cs]e", action="fail"),
    PopupRule(text="[Ss]ave changes", action="press", button="Don't Save"),
)


def windows(*recorded: dict[str, object]) -> list[Window]:
    return [Window.parse(window) for window in recorded]


def test_known_window_is_answered_with_its_button() -> None:
    action = decide(windows(MAIN, FONTS), RULES)
    assert isinstance(action, Press)
    assert (action.button, action.window.handle) == ("&Ignore", 101)


def test_window_of_a_fail_rule_fails_with_its_text() -> None:
    action = decide(windows(MAIN, LICENCE), RULES)
    assert isinstance(action, Fail)
    assert "Your licence has expired." in str(action.window)


def test_missing_button_fails_instead_of_hanging() -> None:
    save = {"title": "VStitcher", "text": "Save changes to tee?", "buttons": ["Speichern", "Abbrechen"]}
    assert isinstance(decide(windows(save), RULES), Fail)


@pytest.mark.parametrize(
    "recorded",
    [[], [MAIN], [{**FONTS, "modal": False}], [{"title": "About", "text": "VStitcher 2024.2", "buttons": ["OK"]}]],
    ids=["no window", "main window", "not modal", "unknown"],
)
def test_other_windows_are_left_alone(recorded: list[dict[str, object]]) -> None:
    assert decide(windows(*recorded), RULES) is None


def test_first_window_with_a_rule_decides() -> None:
    action = decide(windows(MAIN, LICENCE, FONTS), RULES)
    assert isinstance(action, Fail)
