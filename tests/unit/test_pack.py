"""Packing the frames of a turntable."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from openjd_vstitcher.actions.pack import pack_frames
from openjd_vstitcher.errors import InvalidInput


def _frames(directory: Path, numbers: range) -> None:
    (directory / "t.zip.frames").mkdir(exist_ok=True)
    for number in numbers:
        (directory / f"t.zip.frames/{number:04}.png").write_bytes(b"frame %d" % number)


def test_packed_turntable_is_the_same_each_time_and_its_frames_are_gone(tmp_path: Path) -> None:
    made = []
    for _ in range(2):
        _frames(tmp_path, range(1, 13))
        assert pack_frames(tmp_path, "t.zip", 12).frames == 12
        made.append((tmp_path / "t.zip").read_bytes())
    assert made[0] == made[1]
    with zipfile.ZipFile(tmp_path / "t.zip") as archive:
        assert archive.namelist() == [f"{number:04}.png" for number in range(1, 13)]
        assert archive.read("0007.png") == b"frame 7"
    assert [path.name for path in tmp_path.iterdir()] == ["t.zip"]
    assert pack_frames(tmp_path, "t.zip", 12).frames == 12


def test_packed_turntable_is_the_same_on_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for platform in ("linux", "win32"):
        monkeypatch.setattr("zipfile.sys.platform", platform)
        _frames(tmp_path, range(1, 3))
        pack_frames(tmp_path, "t.zip", 2)
        made.append((tmp_path / "t.zip").read_bytes())
    assert made[0] == made[1]


def test_turntable_with_missing_frames_is_not_packed(tmp_path: Path) -> None:
    _frames(tmp_path, range(1, 10))
    (tmp_path / "t.zip.frames/0004.png").write_bytes(b"")
    with pytest.raises(InvalidInput, match=r"4 of 12 frames are missing: 0004\.png, 0010\.png"):
        pack_frames(tmp_path, "t.zip", 12)
    assert not (tmp_path / "t.zip").exists()


@pytest.mark.parametrize("name", ["", "..", "a/b.zip", "..\\b.zip"])
def test_turntable_is_packed_in_the_output_directory_only(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput):
        pack_frames(tmp_path, name, 1)
