"""The ledger of outputs: what is recorded is on disk, and is read back by the next process."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from openjd_vstitcher.outputs.ledger import Ledger
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


def test_an_output_that_was_not_expected_is_added_once_and_last(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite", _OUTPUTS)
    found = ExpectedOutput("notes.txt", True, "DOCUMENT")
    for _ in range(2):
        ledger.add(found)
        ledger.record("notes.txt", "seen")
    ledger.add(ExpectedOutput("b.png", True, "DATA"))
    assert [entry.output for entry in ledger.entries()] == [*_OUTPUTS, found]
    assert [entry.state for entry in ledger.entries()] == ["expected", "expected", "seen"]


def test_unknown_state_or_field_is_not_written(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite", _OUTPUTS)
    with pytest.raises(ValueError, match="sate"):
        ledger.record("b.png", sate="x")
    with pytest.raises(ValueError, match="done"):
        ledger.record("b.png", "done")  # type: ignore[arg-type]  # what must be refused
