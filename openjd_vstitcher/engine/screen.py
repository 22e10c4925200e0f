"""Lists the windows that an engine shows and presses their buttons. Unverified on macOS."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from ..files import read_whole
from .popups import Press, Window

_COMMAND_TIMEOUT_S = 10.0
_BM_CLICK = 0x00F5
_WS_DISABLED = 0x08000000
_GWL_STYLE = -16
_GW_OWNER = 4


class Screen(Protocol):
    """The window system that an engine shows its windows on."""

    def windows(self, pid: int) -> list[Window]:
        """The windows that a process is showing."""

    def press(self, press: Press) -> None:
        """Press a button of a window."""


def find_screen(recorded: Path | None) -> Screen | None:
    """The screen of this system, None if it has no supported one.

    Parameters
    ----------
    recorded: the file in which the stand-in lists its windows; None for other engines.
    """
    if recorded is not None:
        return RecordedScreen(recorded)
    if sys.platform == "win32":
        return WindowsScreen(ctypes.WinDLL("user32"))
    if sys.platform == "darwin":
        return MacScreen()
    return None


class RecordedScreen:
    """The stand-in's windows: a JSON list in a file. A button is pressed by writing its label to a second file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def windows(self, pid: int) -> list[Window]:
        """The windows of this process in the file, which may still list those of a killed one."""
        try:
            recorded = [Window.parse(data) for data in json.loads(read_whole(self._path))]
        except (OSError, ValueError, TypeError, AttributeError):
            return []
        return [window for window in recorded if window.pid == pid]

    def press(self, press: Press) -> None:
        """Write the button's label beside the list."""
        self._path.with_name(self._path.name + ".press").write_text(press.button, encoding="utf-8")


class WindowsScreen:
    """The top-level windows of a process, through EnumWindows. Seen under Wine only.

    Parameters
    ----------
    user32: the functions of user32.dll; given by tests.
    """

    def __init__(self, user32: Any) -> None:
        self._user32 = user32

    def windows(self, pid: int) -> list[Window]:
        """The process's visible windows; one with a disabled owner is modal."""
        handles = self._enumerate(self._user32.EnumWindows)
        visible = [h for h in handles if self._pid(h) == pid and self._user32.IsWindowVisible(h)]
        return [self._window(handle, pid) for handle in visible]

    def press(self, press: Press) -> None:
        """Click the button, without waiting for the engine: it may be hanging."""
        for child in self._children(press.window.handle):
            if self._text(child) == press.button:
                self._user32.PostMessageW(child, _BM_CLICK, 0, 0)
                return

    def _window(self, handle: int, pid: int) -> Window:
        labels, buttons = [], []
        for child in self._children(handle):
            class_name = self._class(child)
            if class_name == "Button":
                buttons.append(self._text(child))
            elif class_name == "Static":
                labels.append(self._text(child))
        owner = self._user32.GetWindow(handle, _GW_OWNER)
        modal = bool(owner) and bool(self._user32.GetWindowLongW(owner, _GWL_STYLE) & _WS_DISABLED)
        text = "\n".join(label for label in labels if label)
        return Window(self._text(handle), text, tuple(buttons), modal or self._class(handle) == "#32770", pid, handle)

    def _children(self, handle: int) -> list[int]:
        return self._enumerate(lambda callback, data: self._user32.EnumChildWindows(handle, callback, data))

    def _enumerate(self, function: Callable[[Any, int], Any]) -> list[int]:
        found: list[int] = []
        callback_type = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)

        def add(handle: int, _data: int) -> int:
            found.append(handle)
            return 1

        function(callback_type(add), 0)
        return found

    def _pid(self, handle: int) -> int:
        pid = ctypes.c_ulong()
        self._user32.GetWindowThreadProcessId(handle, ctypes.byref(pid))
        return pid.value

    def _text(self, handle: int) -> str:
        buffer = ctypes.create_unicode_buffer(1024)
        self._user32.GetWindowTextW(handle, buffer, len(buffer))
        return buffer.value

    def _class(self, handle: int) -> str:
        buffer = ctypes.create_unicode_buffer(256)
        self._user32.GetClassNameW(handle, buffer, len(buffer))
        return buffer.value


_LIST_SCRIPT = """
function run(argv) {
  const process = Application('System Events').processes.whose({unixId: Number(argv[0])})[0];
  return JSON.stringify(process.windows().map(w => ({
    title: w.name() || '', modal: w.subrole() !== 'AXStandardWindow',
    text: w.staticTexts().map(t => t.value() || '').join('\\n'), buttons: w.buttons().map(b => b.name() || ''),
    pid: Number(argv[0])})));
}
"""
_PRESS_SCRIPT = """
function run(argv) {
  const process = Application('System Events').processes.whose({unixId: Number(argv[0])})[0];
  process.windows.whose({name: argv[1]})[0].buttons.whose({name: argv[2]})[0].click();
}
"""


class MacScreen:
    """The windows of a process, through System Events. Needs the Accessibility permission. Unverified."""

    def windows(self, pid: int) -> list[Window]:
        """The process's windows; all but standard windows count as modal."""
        try:
            return [Window.parse(data) for data in json.loads(_osascript(_LIST_SCRIPT, str(pid)) or "[]")]
        except ValueError:
            return []

    def press(self, press: Press) -> None:
        """Click the button."""
        _osascript(_PRESS_SCRIPT, str(press.window.pid), press.window.title, press.button)


def _osascript(script: str, *arguments: str) -> str:
    command = ["osascript", "-l", "JavaScript", "-e", script, *arguments]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip()
