"""The progress of uploads, in the journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.outputs_bench import Bench


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
