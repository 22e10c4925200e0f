"""Writing files whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.files import is_part, move_into_place, part_path, read_whole, whole_file, write_json, write_whole


def test_text_replaces_the_old_file_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    path.write_text("a longer old text")
    write_whole(path, "né\n")
    assert path.read_bytes() == "né\n".encode()
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_file_can_be_read_at_any_moment_while_it_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    write_whole(path, "0" * 1000)
    done = threading.Event()

    def replace() -> None:
        for number in range(100):
            write_whole(path, str(number % 10) * 1000)
        done.set()

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        while not done.is_set():
            text = read_whole(path)
            assert text == text[0] * 1000
    finally:
        writer.join()
    assert done.is_set()


def test_path_may_be_text_and_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_whole("a.txt", "x")
    assert (tmp_path / "a.txt").read_text() == "x"


def test_json_holds_any_text_that_a_file_name_can_be(tmp_path: Path) -> None:
    value = {"name": "caf\udce9", "text": "\u2028"}
    write_json(tmp_path / "a.json", value)
    assert json.loads((tmp_path / "a.json").read_text()) == value


def test_json_default_turns_unknown_types_into_text(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"path": Path("x")}, default=str)
    assert json.loads((tmp_path / "a.json").read_text()) == {"path": "x"}


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_permissions_are_as_asked_less_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        with whole_file(tmp_path / "a", mode=0o666) as file:
            file.write(b"x")
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_failed_write_leaves_the_old_file_and_no_part(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a"
    path.write_text("old")

    def write_half() -> None:
        with whole_file(path) as file:
            file.write(b"ne")
            raise error

    with pytest.raises(type(error)):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_failed_rename_removes_the_part(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError):
        write_whole(tmp_path / "a", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_file_is_on_disk_before_it_has_its_name_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    replace, fsync = os.replace, os.fsync

    def note_replace(*names: Any) -> None:
        done.append("rename")
        replace(*names)

    def note_fsync(descriptor: int) -> None:
        done.append("directory" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
        fsync(descriptor)

    monkeypatch.setattr(os, "replace", note_replace)
    monkeypatch.setattr(os, "fsync", note_fsync)
    write_whole(tmp_path / "a", "x")
    if sys.platform == "linux":
        assert done == ["file", "rename", "directory"]
    done.clear()
    with whole_file(tmp_path / "a", durable=False):
        pass
    assert done == ["rename"]


def test_writers_of_one_file_do_not_meet_in_a_part(tmp_path: Path) -> None:
    path = tmp_path / "a"
    texts = [str(number) * 100_000 for number in range(8)]
    threads = [threading.Thread(target=write_whole, args=(path, text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in texts
    assert list(tmp_path.iterdir()) == [path]


def test_name_of_the_greatest_length_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    write_whole(path, "x")
    assert path.read_text() == "x"


def test_parts_are_known_by_their_name(tmp_path: Path) -> None:
    part = Path(part_path(tmp_path / "a.png"))
    assert part.parent == tmp_path
    assert is_part(part.name)
    assert not is_part("a.part")
    assert not is_part(".hidden")


def _windows_error(code: int) -> PermissionError:
    error = PermissionError(13, "in use")
    error.winerror = code  # type: ignore[attr-defined]  # as Windows sets it
    return error


@pytest.mark.parametrize("code", [5, 32])
def test_rename_waits_until_a_reader_on_windows_closes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    replace, failures = os.replace, [_windows_error(code), _windows_error(code)]

    def in_use(*names: Any) -> None:
        if failures:
            raise failures.pop()
        replace(*names)

    monkeypatch.setattr(os, "replace", in_use)
    write_whole(tmp_path / "a", "x")
    assert (tmp_path / "a").read_text() == "x"


@pytest.mark.parametrize(("code", "tries"), [(32, 10), (1, 1)])
def test_rename_does_not_wait_for_ever_nor_for_other_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, tries: int
) -> None:
    seen: list[Any] = []
    clock = iter(range(100))

    def in_use(*names: Any) -> None:
        seen.append(names)
        raise _windows_error(code)

    monkeypatch.setattr(os, "replace", in_use)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock) / 5)
    (tmp_path / "part").touch()
    with pytest.raises(PermissionError):
        move_into_place(tmp_path / "part", tmp_path / "a")
    assert len(seen) == tries


def test_module_is_light_enough_for_a_command_that_starts_for_each_frame() -> None:
    code = "import sys, json, openjd_vstitcher.files; sys.exit(any(m in sys.modules for m in ('pathlib', 'random')))"
    assert (
        subprocess.run([sys.executable, "-S", "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0
    )
