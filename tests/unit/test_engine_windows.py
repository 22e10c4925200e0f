"""What would be asked of Windows for jobs and windows. No Windows machine has run it; DLLs are replaced here."""

from __future__ import annotations

import ctypes
from typing import Any, ClassVar

import pytest

from openjd_vstitcher.engine import winjob
from openjd_vstitcher.engine.popups import Press
from openjd_vstitcher.engine.windows import RecordedScreen, WindowsScreen, screen


class Kernel32:
    """Remembers what was called."""

    def __init__(self, failing: str = "") -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self._failing = failing

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> int:
            self.calls.append((name, arguments))
            if name == "SetInformationJobObject":
                self.flags = arguments[2]._obj.basic.limit_flags
            if name == "QueryInformationJobObject":
                arguments[2]._obj.total_user_time = 15_000_000
                arguments[2]._obj.total_kernel_time = 5_000_000
                arguments[2]._obj.active_processes = 3
            return 0 if name == self._failing else 42

        return call


def test_job_kills_its_processes_when_it_closes() -> None:
    kernel = Kernel32()
    job = winjob.Job(kernel)
    job.add(1234)
    assert kernel.flags == 0x2000
    assert ("OpenProcess", (0x0101, False, 1234)) in kernel.calls
    assert ("AssignProcessToJobObject", (42, 42)) in kernel.calls
    assert kernel.calls[-1] == ("CloseHandle", (42,))
    assert job.cpu_s() == pytest.approx(2.0)
    assert job.active() == 3
    job.terminate()
    assert kernel.calls[-1] == ("TerminateJobObject", (42, 1))


def test_refused_job_is_an_error_and_no_silence() -> None:
    with pytest.raises(OSError, match="AssignProcessToJobObject failed"):
        winjob.Job(Kernel32(failing="AssignProcessToJobObject")).add(1)


def test_structures_have_the_sizes_of_64_bit_windows() -> None:
    dword = ctypes.sizeof(winjob.wintypes.DWORD)
    if dword == 4:
        assert ctypes.sizeof(winjob.ExtendedLimits) == 144
        assert ctypes.sizeof(winjob.Accounting) == 48


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

    def SendMessageW(self, *arguments: int) -> int:
        self.sent.append(arguments)
        return 0


def test_windows_of_the_engine_are_listed_and_its_buttons_pressed() -> None:
    user32 = User32()
    looked = WindowsScreen(user32)
    main, dialog = looked.windows(7)
    assert (main.title, main.modal) == ("VStitcher", False)
    assert (dialog.title, dialog.text, dialog.buttons, dialog.modal) == (
        "Missing fonts",
        "Futura is missing",
        ("&OK",),
        True,
    )
    looked.press(Press(dialog, "&OK"))
    assert user32.sent == [(21, 0x00F5, 0, 0)]


def test_recorded_windows_that_are_no_list_are_none(tmp_path: Any) -> None:
    recorded = tmp_path / "windows.json"
    looked = screen(recorded)
    assert isinstance(looked, RecordedScreen)
    recorded.write_text('[{"title": "Old", "pid": 1}, {"title": "New", "pid": 2}]', encoding="utf-8")
    assert [window.title for window in looked.windows(2)] == ["New"]
    recorded.unlink()
    assert looked.windows(1) == []
    for content in ("", "{", '{"a": 1}', "[1]", "7"):
        recorded.write_text(content, encoding="utf-8")
        assert looked.windows(1) == []
