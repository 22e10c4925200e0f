"""What a sync tells of its uploads while it works, and what is left of it afterwards."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from openjd_vstitcher.outputs.ledger import Ledger
from tests.outputs_bench import PROMPT, Bench


def test_a_long_upload_tells_its_progress_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openjd_vstitcher.outputs.upload._PROGRESS_S", 0.0)
    bench = Bench(tmp_path, ["a.png"])
    bench.sync.start()
    bench.write("a.png", b"x" * (3 << 20))
    assert bench.sync.finish(10).complete
    sent = [entry.fields["sent_bytes"] for entry in bench.named("output_progress", "a.png")]
    assert sent == sorted(sent)
    assert len(sent) > 1
    assert sent[-1] == 3 << 20
    assert {entry.fields["size_bytes"] for entry in bench.named("output_progress", "a.png")} == {3 << 20}


def test_a_short_upload_tells_no_progress(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["a.png"])
    bench.sync.start()
    bench.write("a.png", b"x" * (3 << 20))
    assert bench.sync.finish(10).complete
    assert bench.named("output_progress") == []


@pytest.mark.parametrize("mode", ["events", "polling"])
@pytest.mark.parametrize("finish", [True, False])
def test_a_sync_that_is_over_leaves_no_thread(tmp_path: Path, mode: str, finish: bool) -> None:
    before = set(threading.enumerate())
    bench = Bench(tmp_path, ["a.png"], config=replace(PROMPT, watch=mode))
    bench.sync.start()
    assert set(threading.enumerate()) > before
    bench.write("a.png")
    bench.wait_for("output_registered", "a.png")
    if finish:
        assert bench.sync.finish(10).complete
    bench.sync.stop()
    assert set(threading.enumerate()) <= before


def test_an_upload_is_in_the_ledger_before_it_begins(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["a.png"])
    bench.storage.gate.clear()
    bench.sync.start()
    bench.write("a.png")
    bench.wait_for("output_uploading", "a.png")
    ledger = Ledger(tmp_path / "ledger.sqlite")
    entry = ledger.entry("a.png")
    assert (entry.state, entry.attempts, entry.uri) == ("uploading", 1, "s3://bucket/exports/job-1/a.png")
    ledger.close()
    bench.storage.gate.set()
    assert bench.sync.finish(10).complete
