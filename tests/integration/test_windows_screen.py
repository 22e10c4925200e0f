"""The windows of a process on Windows: real message boxes are found, read and pressed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from openjd_vstitcher.config import PopupRule
from openjd_vstitcher.engine.popups import Fail, Press, Window, decide
from openjd_vstitcher.engine.screen import Screen, find_screen
from tests.farm import wait_until

pytestmark = pytest.mark.windows

YES_NO, YES = 4, 6
ASK = f"import ctypes, sys; sys.exit(ctypes.windll.user32.MessageBoxW(None, 'Futura is missing', 'Fonts', {YES_NO}))"


@pytest.fixture
def asking() -> Iterator[subprocess.Popen[bytes]]:
    """A process that shows a message box and exits with the answer."""
    with subprocess.Popen([sys.executable, "-c", ASK]) as process:
        yield process
        process.kill()


def screen() -> Screen:
    found = find_screen(None)
    assert found is not None
    return found


def shown(process: subprocess.Popen[bytes]) -> Window:
    windows: list[Window] = []

    def find() -> bool:
        windows[:] = screen().windows(process.pid)
        return bool(windows)

    wait_until(find)
    [window] = windows
    return window


def test_a_message_box_is_read_and_its_rule_presses_the_button(asking: subprocess.Popen[bytes]) -> None:
    window = shown(asking)
    assert (window.title, window.text, window.modal) == ("Fonts", "Futura is missing", True)
    assert [button.replace("&", "") for button in window.buttons] == ["Yes", "No"]
    action = decide([window], [PopupRule(title="Fonts", action="press", button="Yes")])
    assert isinstance(action, Press)
    screen().press(action)
    assert asking.wait(30) == YES


def test_a_message_box_without_the_button_of_its_rule_fails_with_its_text(asking: subprocess.Popen[bytes]) -> None:
    window = shown(asking)
    action = decide([window], [PopupRule(text="missing", action="press", button="Ignore")])
    assert isinstance(action, Fail)
    assert "Futura is missing" in str(action.window)


def test_the_windows_of_other_processes_are_left_alone(asking: subprocess.Popen[bytes]) -> None:
    assert shown(asking).pid == asking.pid
    assert screen().windows(asking.pid + 4) == []
