"""Law 10 in the delivery of outputs: refused credentials are waited for, and waiting is a sign of life."""

from __future__ import annotations

from pathlib import Path

from openjd_vstitcher.errors import PlatformError, StorageError
from tests.outputs_bench import Bench


def test_a_refused_credential_is_waited_for_while_the_claim_is_held(tmp_path: Path) -> None:
    """A token that rotates: an export that was made must not fail by it, nor may the asset."""
    bench = Bench(tmp_path, ["a.png"])
    bench.storage.failures = [StorageError("access is denied (403)", transient=False, credential=True)] * 2
    bench.catalogue.failures = [PlatformError("invalid-jwt", credential=True)]
    bench.sync.start()
    bench.write("a.png")
    assert bench.sync.finish(10).complete
    assert bench.named("output_failed") == []


def test_a_credential_that_stays_refused_leaves_the_output_to_be_delivered_later(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["a.png"])
    denied = StorageError("access is denied (403)", transient=False, credential=True)
    bench.storage.failures = [denied] * 10_000
    bench.sync.start()
    bench.write("a.png")
    bench.wait_for("output_waiting", "a.png")
    report = bench.sync.finish(0.3)
    assert [(output.fate, output.reason) for output in report.outputs] == [("pending", "access is denied (403)")]


def test_signs_of_life_are_given_while_the_last_uploads_are_waited_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["a.png"])
    bench.storage.failures = [StorageError("storage is away", transient=True)] * 10_000
    bench.sync.start()
    bench.write("a.png")
    bench.wait_for("output_waiting", "a.png")
    alive: list[None] = []
    bench.sync.finish(2.5, alive=lambda: alive.append(None))
    assert len(alive) >= 2
