"""The sync of outputs against a real directory: what it takes, when, and what it never takes."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.errors import ClaimLost, PlatformError, StorageError
from openjd_vstitcher.events import OutputFailed
from openjd_vstitcher.outputs.values import OutputResult
from openjd_vstitcher.storage.values import StoredObject
from tests.farm import wait_until
from tests.outputs_bench import PROMPT, Bench, fates


def test_output_is_registered_while_the_session_still_runs(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["a.png", "b.png"])
    bench.sync.start()
    bench.write("a.png", b"first")
    bench.wait_for("output_registered", "a.png")
    assert bench.stored("a.png") == b"first"
    assert not (bench.output / "b.png").exists()
    bench.write("b.png", b"second")
    report = bench.sync.finish(10)
    assert report.complete
    assert [(row.name, row.status) for row in bench.catalogue.rows()] == [
        ("a.png", "UPLOADED"),
        ("b.png", "UPLOADED"),
    ]


def test_transitions_are_in_order_and_say_what_was_stored(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["a.png"])
    bench.sync.start()
    bench.write("a.png", b"abc")
    bench.sync.finish(10)
    names = [e.name for e in bench.events if e.fields.get("output") == "a.png"]
    assert names == ["output_seen", "output_settled", "output_uploading", "output_stored", "output_registered"]
    stored = bench.named("output_stored")[0].fields
    assert stored["uri"] == "s3://bucket/exports/job-1/a.png"
    assert stored["size_bytes"] == 3
    assert stored["sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_output_is_not_uploaded_before_it_is_closed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["a.png", "probe.png"])
    bench.sync.start()
    with (bench.output / "a.png").open("wb") as file:
        file.write(b"first half, ")
        file.flush()
        bench.wait_for("output_seen", "a.png")
        bench.write("probe.png")
        bench.wait_for("output_registered", "probe.png")
        file.write(b"second half")
    bench.wait_for("output_registered", "a.png")
    assert bench.stored("a.png") == b"first half, second half"
    assert [e.fields["size_bytes"] for e in bench.named("output_settled", "a.png")] == [23]
    bench.sync.finish(10)


def test_output_that_changes_again_is_stored_again_in_the_same_asset(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["a.png"])
    bench.sync.start()
    bench.write("a.png", b"one")
    bench.wait_for("output_registered", "a.png")
    bench.write("a.png", b"one and two")
    bench.wait_for("output_registered", "a.png", count=2)
    assert bench.sync.finish(10).complete
    assert bench.stored("a.png") == b"one and two"
    assert len(bench.catalogue.rows()) == 1


def test_output_that_changes_while_it_is_stored_is_stored_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["a.png"])

    def grow(uri: str) -> None:
        if len(bench.storage.puts) == 1:
            with (bench.output / "a.png").open("ab") as file:
                file.write(b" and more")

    bench.storage.before_put = grow
    bench.sync.start()
    bench.write("a.png", b"some")
    assert bench.sync.finish(10).complete
    assert bench.stored("a.png") == b"some and more"


@pytest.mark.parametrize("mode", ["events", "polling"])
def test_every_way_of_watching_finds_an_output_during_the_session(tmp_path: Path, mode: str) -> None:
    bench = Bench(tmp_path, ["a.png", "b.png"], config=replace(PROMPT, watch=mode))
    bench.sync.start()
    bench.write("a.png")
    (bench.output / "b.png").write_bytes(b"written in place")
    bench.wait_for("output_registered", "a.png")
    bench.wait_for("output_registered", "b.png")
    assert bench.sync.finish(10).complete


@pytest.mark.posix(reason="the limit of inotify")
def test_directory_is_polled_where_the_system_gives_no_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_more_watches(*_: object) -> None:
        raise OSError(errno.ENOSPC, "inotify watch limit reached")

    monkeypatch.setattr("watchdog.observers.inotify.InotifyEmitter.on_thread_start", no_more_watches)
    bench = Bench(tmp_path, ["a.png"])
    bench.sync.start()
    bench.write("a.png")
    bench.wait_for("output_registered", "a.png")
    assert bench.sync.finish(10).complete


def test_sweep_finds_what_the_watch_did_not_tell(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["a.png"])
    bench.write("a.png", b"nobody watched")
    assert bench.sync.finish(10).complete
    assert bench.stored("a.png") == b"nobody watched"


def test_output_that_is_not_for_upload_is_checked_and_kept(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["a.png", "k.png"], kept=["k.png"])
    bench.sync.start()
    bench.write("k.png", b"kept")
    report = bench.sync.finish(10)
    assert fates(report.outputs) == {"a.png": "missing", "k.png": "kept"}
    assert bench.named("output_settled", "k.png")
    assert bench.stored("k.png") is None
    assert not bench.catalogue.rows()


def test_missing_and_empty_outputs_are_errors(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["missing.png", "empty.png"])
    bench.sync.start()
    (bench.output / "empty.png").touch()
    report = bench.sync.finish(10)
    assert [(r.name, r.fate, r.reason) for r in report.outputs] == [
        ("missing.png", "missing", "the file was not made"),
        ("empty.png", "failed", "the file is empty"),
    ]
    assert [entry.event for entry in bench.named("output_failed")] == [
        OutputFailed(output="missing.png", cause="missing", reason="the file was not made"),
        OutputFailed(output="empty.png", cause="empty", reason="the file is empty"),
    ]


def test_an_output_that_is_still_being_written_at_the_end_is_an_error_and_an_event(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["a.png"])
    bench.sync.start()
    with (bench.output / "a.png").open("wb", buffering=0) as file:
        file.write(b"half")
        [result] = bench.sync.finish(10).outputs
    assert (result.fate, result.safe) == ("failed", False)
    [failed] = bench.named("output_failed", "a.png")
    assert failed.fields["cause"] == "unfinished"
    assert failed.fields["reason"] == result.reason


@pytest.mark.posix(reason="Windows refuses such names")
def test_unexpected_files_are_counted_and_not_uploaded(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["t.zip"])
    bench.sync.start()
    (bench.output / "t.zip.frames").mkdir()
    (bench.output / "t.zip.frames/0001.png").write_bytes(b"frame")
    (bench.output / ".t.zip.123.part").write_bytes(b"half")
    for name in ("log.txt", "new\nline.png", "\u202egnp.exe", "x" * 255):
        (bench.output / name).write_bytes(b"x")
    bench.sync.finish(10)
    assert bench.named("outputs_unexpected")[0].fields == {"count": 4}
    assert {e.fields["output"] for e in bench.named("output_unexpected")} == {
        "log.txt",
        "new\nline.png",
        "\u202egnp.exe",
        "x" * 255,
    }
    assert not (bench.root / "bucket").exists()


@pytest.mark.parametrize("name", ["FRONT.PNG", "cafe\u0301.png"])
def test_names_are_compared_as_the_file_system_compares_them(tmp_path: Path, name: str) -> None:
    expected = {"FRONT.PNG": "front.png", "cafe\u0301.png": "caf\u00e9.png"}[name]
    bench = Bench(tmp_path, [expected])
    bench.sync.start()
    bench.write(name, b"x")
    same = (bench.output / expected).exists()
    report = bench.sync.finish(10)
    unexpected = [entry.fields["count"] for entry in bench.named("outputs_unexpected")]
    assert (report.outputs[0].fate, unexpected) == (("registered", []) if same else ("missing", [1]))


def _symbolic_link(output: Path, secret: Path) -> None:
    (output / "a.png").symlink_to(secret)


def _hard_link(output: Path, secret: Path) -> None:
    os.link(secret, output / "a.png")


def _pipe(output: Path, secret: Path) -> None:
    os.mkfifo(output / "a.png")


def _directory(output: Path, secret: Path) -> None:
    (output / "a.png").mkdir()


def _socket(output: Path, secret: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        previous = Path.cwd()
        os.chdir(output)
        try:
            server.bind("a.png")
        finally:
            os.chdir(previous)


@pytest.mark.posix(reason="pipes and sockets of POSIX; Wine makes no links")
@pytest.mark.parametrize("plant", [_symbolic_link, _hard_link, _pipe, _directory, _socket])
def test_what_is_no_plain_file_is_never_uploaded(tmp_path: Path, plant: Callable[[Path, Path], None]) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"canary")
    bench = Bench(tmp_path, ["a.png"])
    bench.sync.start()
    plant(bench.output, secret)
    (result,) = bench.sync.finish(10).outputs
    assert result.fate == "failed"
    assert bench.named("output_failed", "a.png")[0].fields["cause"] == "refused"
    assert bench.storage.puts == []


@pytest.mark.not_wine(reason="it makes no symbolic links")
def test_file_replaced_by_a_link_between_close_and_open_is_never_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"canary")
    bench = Bench(tmp_path, ["a.png"])
    bench.sync.start()
    stop, link = threading.Event(), bench.output / ".link.part"

    def swap() -> None:
        while not stop.is_set():
            bench.write("a.png", b"honest")
            link.symlink_to(secret)
            os.replace(link, bench.output / "a.png")

    swapper = threading.Thread(target=swap)
    swapper.start()
    bench.wait_for("output_failed", "a.png")
    stop.wait(0.5)
    stop.set()
    swapper.join()
    bench.sync.finish(10)
    assert bench.stored("a.png") in (None, b"honest")


@pytest.mark.not_wine(reason="it makes no symbolic links")
def test_output_directory_swapped_for_another_is_not_followed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["a.png"])
    bench.sync.start()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/a.png").write_bytes(b"canary")
    bench.output.rename(tmp_path / "moved")
    bench.output.symlink_to(tmp_path / "elsewhere")
    (result,) = bench.sync.finish(10).outputs
    assert result.fate == "missing"
    assert bench.storage.puts == []


def test_passing_errors_are_waited_out_and_written_down(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["a.png"])
    bench.storage.failures = [StorageError("SlowDown", transient=True)] * 3
    bench.catalogue.failures = [PlatformError("gateway", transient=True)] * 2
    bench.sync.start()
    bench.write("a.png")
    assert bench.sync.finish(10).complete
    reasons = [e.fields["reason"] for e in bench.named("output_waiting")]
    assert reasons == ["SlowDown", "SlowDown", "SlowDown", "gateway", "gateway"]


def test_lasting_error_fails_one_output_and_not_the_others(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["a.png", "b.png"], config=replace(PROMPT, parallel_uploads=1))
    bench.storage.failures = [StorageError("access is denied", transient=False)]
    bench.sync.start()
    bench.write("a.png")
    bench.wait_for("output_failed", "a.png")
    bench.write("b.png")
    bench.wait_for("output_registered", "b.png")
    bench.storage.failures = [StorageError("access is denied", transient=False)]
    report = bench.sync.finish(10)
    assert fates(report.outputs) == {"a.png": "failed", "b.png": "registered"}
    assert report.outputs[0].reason == "access is denied"


def test_what_is_not_done_in_time_is_pending_and_resumed_by_the_next_process(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["a.png"])
    bench.storage.failures = [StorageError("storage is away", transient=True)] * 10_000
    bench.sync.start()
    bench.write("a.png", b"late")
    bench.wait_for("output_waiting", "a.png")
    (result,) = bench.sync.finish(0.2).outputs
    assert (result.fate, result.reason, result.safe) == ("pending", "storage is away", False)
    bench.storage.failures = []
    (result,) = bench.new_sync().finish(10).outputs
    assert isinstance(result, OutputResult)
    assert result.fate == "registered"
    assert bench.stored("a.png") == b"late"
    assert len(bench.catalogue.rows()) == 1


def test_asset_is_not_uploaded_while_storage_holds_other_bytes(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["a.png"])
    put, lies = bench.storage.within.put, [b"short", b"contenT"]

    def lie(source: object, uri: str, **given: Any) -> StoredObject:
        stored = put(source, uri, **given)  # type: ignore[arg-type]  # passed on as it came
        if not lies:
            return stored
        content = lies.pop()
        return replace(stored, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())

    bench.storage.within.put = lie  # type: ignore[method-assign]  # the storage that lies
    bench.storage.before_put = lambda uri: states.update(row.status for row in bench.catalogue.rows())
    states: set[str] = set()
    bench.sync.start()
    bench.write("a.png", b"content")
    assert bench.sync.finish(10).complete
    assert states == {"IN_PROGRESS"}
    assert [e.fields["reason"].partition(": ")[2] for e in bench.named("output_waiting")] == [
        "the stored bytes differ from the file"
    ] * 2


def test_lost_claim_ends_all_uploads(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["a.png", "b.png"])
    bench.catalogue.failures = [ClaimLost("attempt 2 has begun")] * 4
    bench.sync.start()
    bench.write("a.png")
    bench.wait_for("output_failed", "a.png")
    report = bench.sync.finish(10)
    assert not report.complete
    assert bench.named("output_failed", "a.png")[0].fields["cause"] == "claim_lost"
    assert bench.stored("a.png") is None


def test_large_outputs_do_not_hold_back_small_ones(tmp_path: Path) -> None:
    large = [f"large{n}.bin" for n in range(6)]
    bench = Bench(tmp_path, [*large, "small.png"], config=replace(PROMPT, parallel_uploads=2))
    release = threading.Event()

    def hold_large(uri: str) -> None:
        if "large" in uri:
            assert release.wait(30)

    bench.storage.before_put = hold_large
    bench.sync.start()
    for name in large:
        bench.write(name, b"x" * (17 << 20))
    bench.wait_for("output_uploading", large[0])
    bench.write("small.png")
    bench.wait_for("output_registered", "small.png")
    release.set()
    assert bench.sync.finish(30).complete


@pytest.mark.skipif(os.name == "nt", reason="no limit of file sizes")
def test_ledger_that_cannot_be_written_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """While no file may grow, as on a full disk, nothing can be recorded, so nothing is stored."""
    import resource

    bench = Bench(tmp_path, ["a.png"])
    bench.write("b.part")
    bench.sync.start()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        (bench.output / "b.part").rename(bench.output / "a.png")
        wait_until(lambda: "cannot record the state of output a.png, trying again" in caplog.text)
        assert bench.storage.puts == []
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    bench.wait_for("output_registered", "a.png")
    assert bench.sync.finish(10).complete


def test_storage_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["a.png"])
    (bench.root / "bucket").parent.mkdir()
    (bench.root / "bucket").write_text("a file in the way of the directory")
    bench.sync.start()
    bench.write("a.png")
    (result,) = bench.sync.finish(10).outputs
    assert result.fate == "failed"
    assert result.reason.startswith("cannot store s3://bucket/exports/job-1/a.png: ")
    assert (bench.output / "a.png").exists()
