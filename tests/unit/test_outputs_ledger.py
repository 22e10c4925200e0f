"""The ledger, retries, and the packing of turntables."""

from __future__ import annotations

import sqlite3
import threading
import zipfile
from pathlib import Path

import pytest

from openjd_vstitcher.actions.pack import pack_frames
from openjd_vstitcher.errors import InvalidInput, StorageError
from openjd_vstitcher.outputs.ledger import Ledger
from openjd_vstitcher.retry import retrying
from openjd_vstitcher.translation.outputs import ExpectedOutput

_OUTPUTS = [ExpectedOutput("b.png", True, "MEDIA_RENDER", 0), ExpectedOutput("a.zip", False, "TURNTABLE", 3)]


def test_transition_is_on_disk_when_it_is_recorded(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite", _OUTPUTS)
    ledger.record("b.png", "settled", size_bytes=3, sha256="ab")
    other = sqlite3.connect(tmp_path / "ledger.sqlite")
    assert other.execute("SELECT state, size_bytes FROM output WHERE name = 'b.png'").fetchone() == ("settled", 3)
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_ledger_is_continued_and_keeps_the_order_of_the_preset(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger.sqlite", _OUTPUTS).record("b.png", "stored", asset_id="7")
    entries = Ledger(tmp_path / "ledger.sqlite", _OUTPUTS).entries()
    assert [(entry.output, entry.state, entry.asset_id) for entry in entries] == [
        (_OUTPUTS[0], "stored", "7"),
        (_OUTPUTS[1], "expected", None),
    ]
    assert [entry.output for entry in Ledger(tmp_path / "ledger.sqlite").entries()] == _OUTPUTS


def test_outputs_without_an_asset_type_or_an_instruction_read_back(tmp_path: Path) -> None:
    outputs = [ExpectedOutput("a.json", False), ExpectedOutput("b.png", True, "MEDIA_RENDER")]
    ledger = Ledger(tmp_path / "ledger.sqlite", outputs)
    assert [entry.output for entry in ledger.entries()] == outputs


def test_an_upload_needs_an_asset_type() -> None:
    with pytest.raises(ValueError, match=r"b\.png"):
        ExpectedOutput("b.png", True)


def test_unknown_state_or_field_is_not_written(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite", _OUTPUTS)
    with pytest.raises(ValueError, match="sate"):
        ledger.record("b.png", sate="x")
    with pytest.raises(ValueError, match="done"):
        ledger.record("b.png", "done")  # type: ignore[arg-type]  # what must be refused


def test_passing_error_is_tried_again_and_waits_grow() -> None:
    failures, waits = [StorageError("503", transient=True)] * 4, list[float]()

    def action() -> str:
        if failures:
            raise failures.pop()
        return "done"

    done = retrying(
        action, stop=threading.Event(), first_s=0.001, longest_s=0.004, on_wait=lambda _, wait_s: waits.append(wait_s)
    )
    assert done == "done"
    assert [0.0005 * 2**n <= wait_s <= 0.001 * 2**n for n, wait_s in enumerate(waits[:3])] == [True] * 3
    assert waits[3] <= 0.004


@pytest.mark.parametrize("transient", [True, False])
def test_lasting_error_or_the_end_of_time_is_not_tried_again(transient: bool) -> None:
    stop, tries = threading.Event(), list[int]()

    def action() -> None:
        tries.append(1)
        stop.set()
        raise StorageError("no", transient=transient)

    with pytest.raises(StorageError):
        retrying(action, stop=stop, first_s=60, longest_s=60, on_wait=lambda *_: None)
    assert len(tries) == 1


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
