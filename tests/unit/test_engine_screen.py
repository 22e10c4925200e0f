"""How an engine's windows are listed and answered. user32.dll is replaced: the tests run on any system."""

from __future__ import annotations

from typing import Any, ClassVar

from openjd_vstitcher.engine.popups import Press
from openjd_vstitcher.engine.screen import RecordedScreen, WindowsScreen, find_screen


class User32:
    """A main window (1) and a dialog (2) of process 7, a window (3) of another process."""

    TEXTS: ClassVar = {1: "VStitcher", 2: "Missing fonts", 3: "Mail", 20: "Futura is missing", 21: "&OK", 22: ""}
    CLASSES: ClassVar = {1: "Qt5QWindow", 2: "#32770", 3: "Mail", 20: "Static", 21: "Button", 22: "Static"}

    def __init__(self) -> None:
        self.sent: list[tuple[int, ...]] = []

    def EnumWindows(self, callback: Any, data: int) -> int:
        return self._each((1, 2, 3), callback)

    def EnumChildWindows(self, handle: int, callback: Any, data: int) -> int:
        return self._each((20, 21, 22) if handle == 2 else (), callback)

    def _each(self, handles: tuple[int, ...], callback: Any) -> int:
        for handle in handles:
            assert callback(handle, 0)
        return 1

    def GetWindowThreadProcessId(self, handle: int, pid: Any) -> int:
        pid._obj.value = 8 if handle == 3 else 7
        return 1

    def IsWindowVisible(self, handle: int) -> int:
        return 1

    def GetWindowTextW(self, handle: int, buffer: Any, size: int) -> int:
        buffer.value = self.TEXTS[handle]
        return len(buffer.value)

    def GetClassNameW(self, handle: int, buffer: Any, size: int) -> int:
        buffer.value = self.CLASSES[handle]
        return len(buffer.value)

    def GetWindow(self, handle: int, which: int) -> int:
        return 1 if handle == 2 else 0

    def GetWindowLongW(self, handle: int, which: int) -> int:
        return 0x08000000

    def PostMessageW(self, *arguments: int) -> int:
        self.sent.append(arguments)
        return 1


def test_windows_of_the_engine_are_listed_and_its_buttons_pressed() -> None:
    user32 = User32()
    screen = WindowsScreen(user32)
    main, dialog = screen.windows(7)
    assert (main.title, main.modal) == ("VStitcher", False)
    assert (dialog.title, dialog.text, dialog.buttons, dialog.modal) == (
        "Missing fonts",
        "Futura is missing",
        ("&OK",),
        True,
    )
    screen.press(Press(dialog, "&OK"))
    assert user32.sent == [(21, 0x00F5, 0, 0)]


def test_file_that_is_not_a_list_of_windows_counts_as_no_windows(tmp_path: Any) -> None:
    recorded = tmp_path / "windows.json"
    screen = find_screen(recorded)
    assert isinstance(screen, RecordedScreen)
    recorded.write_text('[{"title": "Old", "pid": 1}, {"title": "New", "pid": 2}]', encoding="utf-8")
    assert [window.title for window in screen.windows(2)] == ["New"]
    recorded.unlink()
    assert screen.windows(1) == []
    for content in ("", "{", '{"a": 1}', "[1]", "7"):
        recorded.write_text(content, encoding="utf-8")
        assert screen.windows(1) == []
