"""Which job directories may go: Law 3, by days and by bytes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import time
from pathlib import Path

import pytest

from openjd_vstitcher.attempt import retention
from openjd_vstitcher.attempt.directory import AttemptDirectory
from openjd_vstitcher.attempt.lock import DirectoryBusy, hold
from openjd_vstitcher.attempt.request import AttemptRequest
from openjd_vstitcher.attempt.resume import is_unfinished
from openjd_vstitcher.attempt.retention import EndedJob, clean, discard, ended_jobs, lost_with, removable, stuck
from openjd_vstitcher.attempt.status import StatusFile
from openjd_vstitcher.config import Config, LocalStorageConfig, OutputsConfig, StorageConfig
from openjd_vstitcher.errors import InvalidInput, StorageError
from openjd_vstitcher.journal import Journal
from openjd_vstitcher.outputs.files import identity
from openjd_vstitcher.outputs.ledger import Ledger, State
from openjd_vstitcher.storage.adapters import open_storage
from openjd_vstitcher.storage.ports import Storage
from openjd_vstitcher.translation.outputs import ExpectedOutput
from tests.outputs_bench import claim

_DAY_S = 86_400.0
_CONFIG = OutputsConfig(keep_done_days=1, keep_failed_days=14)
_AT_ONCE = OutputsConfig(keep_done_days=0, keep_failed_days=0)


def _ended(
    days: float, *, complete: bool, undelivered: bool = False, reported: bool = True, size: int = 100
) -> EndedJob:
    names = ("a.png",) if undelivered else ()
    path = Path(f"/jobs/{days}-{complete}-{undelivered}")
    return EndedJob(path, names, complete, reported, days * _DAY_S, -days, size)


def test_complete_jobs_go_soon_and_failed_ones_later() -> None:
    jobs = [_ended(days, complete=days < 5) for days in (20, 10, 2, 0.5)]
    assert [job for job, _ in removable(jobs, _CONFIG)] == [jobs[0], jobs[2]]


def test_a_job_with_an_output_that_is_not_delivered_never_goes() -> None:
    jobs = [_ended(9999, complete=complete, undelivered=True, size=10**12) for complete in (False, True)]
    assert removable(jobs, OutputsConfig(keep_done_days=0, keep_failed_days=0, keep_bytes=1)) == []
    assert stuck(jobs, _CONFIG) == jobs
    assert stuck([_ended(13, complete=False, undelivered=True)], _CONFIG) == []


def test_bytes_take_the_oldest_complete_jobs_first() -> None:
    jobs = [_ended(days, complete=days < 1) for days in (9, 8, 0.5, 0.6)]
    config = dataclasses.replace(_CONFIG, keep_bytes=150)
    assert [job for job, _ in removable(jobs, config)] == [jobs[3], jobs[2], jobs[0]]
    assert [job for job, _ in removable(jobs, dataclasses.replace(_CONFIG, keep_bytes=399))] == [jobs[3]]
    assert removable(jobs, dataclasses.replace(_CONFIG, keep_bytes=400)) == []


def test_bytes_take_no_job_whose_end_the_queue_does_not_know() -> None:
    jobs = [_ended(9, complete=False, reported=False), _ended(8, complete=False)]
    assert [job for job, _ in removable(jobs, dataclasses.replace(_CONFIG, keep_bytes=1))] == [jobs[1]]


def _job(
    work_dir: Path, name: str, state: State, *, reported: bool = True, content: bytes = b"x" * 100
) -> AttemptDirectory:
    """The directory of an ended attempt with one output; no content: the output was never made."""
    directory = AttemptDirectory(work_dir / name)
    directory.create(AttemptRequest.of(claim(name), 0.0))
    output = directory.output / "a.png"
    ledger = Ledger(directory.ledger, [ExpectedOutput("a.png", True, "MEDIA_RENDER", 0)])
    facts = {}
    if content:
        output.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        facts = {"identity": identity(output.stat()), "sha256": sha256, "size_bytes": len(content)}
    ledger.record("a.png", state, **facts)
    ledger.close()
    StatusFile(directory.status, job_id=name, attempt=1).end({"status": "COMPLETED_ERRORS"})
    Journal(directory.journal, job_id=name).close()
    if reported:
        directory.reported.touch()
    return directory


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage(Config(storage=StorageConfig(local=LocalStorageConfig(tmp_path / "root"))))


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    return tmp_path / "jobs"


@pytest.mark.parametrize(
    ("state", "lost"),
    [
        ("expected", True),
        ("seen", True),
        ("settled", True),
        ("uploading", True),
        ("stored", True),
        ("failed", True),
        ("registered", False),
        ("kept", False),
    ],
)
def test_an_output_that_is_there_is_lost_with_its_directory_unless_it_is_delivered(
    tmp_path: Path, state: State, lost: bool
) -> None:
    directory = _job(tmp_path, "job", state)
    assert ([each.name for each in lost_with(directory)], is_unfinished(directory)) == (["a.png"] * lost, lost)
    (directory.output / "a.png").unlink()
    assert (lost_with(directory), is_unfinished(directory)) == ([], False)


@pytest.mark.not_wine(reason="it makes no symbolic links")
def test_links_directories_and_empty_files_are_no_outputs(tmp_path: Path) -> None:
    directory = _job(tmp_path, "job", "failed", content=b"")
    output = directory.output / "a.png"
    output.symlink_to(directory.request_file)
    assert lost_with(directory) == []
    output.unlink()
    output.mkdir()
    assert lost_with(directory) == []
    output.rmdir()
    output.touch()
    assert lost_with(directory) == []


def test_an_output_that_changed_after_its_delivery_would_be_lost(tmp_path: Path) -> None:
    directory = _job(tmp_path, "job", "registered")
    os.utime(directory.output / "a.png", (1, 1))
    assert lost_with(directory) == []
    (directory.output / "a.png").write_bytes(b"y" * 100)
    assert [each.reason for each in lost_with(directory)] == ["it has changed since it was delivered"]


def test_files_without_a_ledger_may_be_outputs(tmp_path: Path) -> None:
    directory = _job(tmp_path, "job", "registered")
    directory.ledger.unlink()
    assert [each.name for each in lost_with(directory)] == ["a.png"]


@pytest.mark.not_wine(reason="it makes no symbolic links")
def test_only_what_may_go_is_removed(work_dir: Path, storage: Storage) -> None:
    _job(work_dir, "complete", "registered")
    _job(work_dir, "failed", "expected", content=b"")
    _job(work_dir, "undelivered", "uploading")
    _job(work_dir, "undelivered and unseen", "expected")
    running = _job(work_dir, "running", "registered")
    (work_dir / "foreign").mkdir()
    (work_dir / "foreign/precious").write_bytes(b"x")
    (work_dir / "link").symlink_to(work_dir / "complete")
    (work_dir / "request.json").write_text("{}")
    with hold(running):
        done = clean(work_dir, _AT_ONCE, storage)
    assert [removal.path.name for removal in done if removal.error is None] == ["complete", "failed"]
    kept = {removal.path.name: removal.error for removal in done if removal.error}
    assert kept == dict.fromkeys(("undelivered", "undelivered and unseen"), "not delivered: a.png")
    left = {"undelivered", "undelivered and unseen", "running", "foreign", "link", "request.json"}
    assert {path.name for path in work_dir.iterdir()} == left


def test_a_dry_run_changes_nothing(work_dir: Path, storage: Storage) -> None:
    directory = _job(work_dir, "complete", "registered")
    assert [removal.path.name for removal in clean(work_dir, _AT_ONCE, storage, dry_run=True)] == ["complete"]
    assert directory.request_file.exists()
    assert not directory.ended.exists()


def test_bytes_on_the_disk_are_kept_below_their_limit(work_dir: Path, storage: Storage) -> None:
    for number in range(4):
        _job(work_dir, f"complete{number}", "registered", content=os.urandom(1 << 20))
        os.utime(work_dir / f"complete{number}/request.json", (number, number))
    _job(work_dir, "undelivered", "failed", content=os.urandom(1 << 20))
    config = dataclasses.replace(_CONFIG, keep_bytes=3 << 20)
    removals = clean(work_dir, config, storage)
    assert [removal.path.name for removal in removals] == ["complete0", "complete1", "complete2"]
    assert {path.name for path in work_dir.iterdir()} == {"complete3", "undelivered"}
    assert clean(work_dir, config, storage) == []


@pytest.fixture
def clock_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The machine's clock, as the only element."""
    value = [1000.0]
    monkeypatch.setattr("openjd_vstitcher.clock.now_s", lambda: value[0])
    return value


def test_a_jump_of_the_wall_clock_ends_no_retention(
    work_dir: Path, storage: Storage, clock_s: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = _job(work_dir, "complete", "registered")
    old = time.time() - 400 * _DAY_S
    for path in directory.path.iterdir():
        os.utime(path, (old, old))
    assert clean(work_dir, _CONFIG, storage) == []
    later = time.time() + 400 * _DAY_S
    monkeypatch.setattr(time, "time", lambda: later)
    clock_s[0] += _DAY_S - 1
    assert clean(work_dir, _CONFIG, storage) == []
    clock_s[0] += 2
    assert len(clean(work_dir, _CONFIG, storage)) == 1


def test_ages_add_up_over_restarts_of_the_machine(work_dir: Path, storage: Storage, clock_s: list[float]) -> None:
    _job(work_dir, "complete", "registered")
    assert clean(work_dir, _CONFIG, storage) == []
    clock_s[0] += _DAY_S / 2
    assert clean(work_dir, _CONFIG, storage) == []
    clock_s[0] = 5.0
    assert clean(work_dir, _CONFIG, storage) == []
    clock_s[0] += _DAY_S / 2 - 1
    assert clean(work_dir, _CONFIG, storage) == []
    clock_s[0] += 2
    assert len(clean(work_dir, _CONFIG, storage)) == 1


def test_the_age_begins_anew_when_another_process_has_worked_on_a_directory(
    work_dir: Path, storage: Storage, clock_s: list[float]
) -> None:
    directory = _job(work_dir, "complete", "registered")
    clean(work_dir, _CONFIG, storage)
    clock_s[0] += 2 * _DAY_S
    StatusFile(directory.status, job_id="complete", attempt=1).end({"status": "COMPLETED_ERRORS"})
    assert clean(work_dir, _CONFIG, storage) == []


@pytest.mark.parametrize("noted", ["{", "[]", '{"seen_s": 1e9}', '{"seen_s": "x", "clock_s": null, "state": []}'])
def test_an_age_that_cannot_be_read_begins_anew(
    work_dir: Path, storage: Storage, clock_s: list[float], noted: str
) -> None:
    directory = _job(work_dir, "complete", "registered")
    directory.ended.write_text(noted)
    assert clean(work_dir, _CONFIG, storage) == []
    assert json.loads(directory.ended.read_text())["seen_s"] == 0


def _spoil_ledger(directory: AttemptDirectory) -> None:
    directory.ledger.write_bytes(b"not a database, but long enough to be looked at" * 100)


def _spoil_status(directory: AttemptDirectory) -> None:
    directory.status.write_bytes(b"\xff" + b"[" * 100_000)


def _spoil_output(directory: AttemptDirectory) -> None:
    shutil.rmtree(directory.output)
    directory.output.write_bytes(b"x")


@pytest.mark.parametrize("spoil", [_spoil_ledger, _spoil_status, _spoil_output])
def test_a_broken_directory_keeps_no_other_from_being_removed(work_dir: Path, storage: Storage, spoil: object) -> None:
    spoil(_job(work_dir, "broken", "registered"))  # type: ignore[operator]  # one of the three above
    _job(work_dir, "complete", "registered")
    done = {removal.path.name: removal.error for removal in clean(work_dir, _AT_ONCE, storage)}
    assert done["complete"] is None
    assert not (work_dir / "complete").exists()
    if spoil is _spoil_ledger:
        assert "cannot open the ledger" in (done["broken"] or "")
        assert (work_dir / "broken/output/a.png").exists()


def test_a_directory_that_cannot_be_removed_keeps_no_other_and_can_be_removed_later(
    work_dir: Path, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        _job(work_dir, name, "registered")
    unlink = Path.unlink

    def refuse(path: Path, *, missing_ok: bool = False) -> None:
        if path == work_dir / "a/ledger.sqlite":
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        done = {removal.path.name: removal.error for removal in clean(work_dir, _AT_ONCE, storage)}
    assert "Permission denied" in (done["a"] or "")
    assert done["b"] is None
    assert [removal.error for removal in clean(work_dir, _AT_ONCE, storage)] == [None]
    assert list(work_dir.iterdir()) == []


def test_links_are_removed_and_never_followed(tmp_path: Path, work_dir: Path, storage: Storage) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_bytes(b"x")
    directory = _job(work_dir, "complete", "registered")
    (directory.sessions / "link").symlink_to(precious)
    (directory.path / "link").symlink_to(precious)
    (directory.path / "file").symlink_to(precious / "file")
    assert [removal.error for removal in clean(work_dir, _AT_ONCE, storage)] == [None]
    assert (precious / "file").read_bytes() == b"x"
    assert not directory.path.exists()


def test_an_output_that_appears_late_is_not_removed(
    work_dir: Path, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = _job(work_dir, "job", "expected", content=b"")
    choose = retention.removable

    def appear(*given: object) -> object:
        (directory.output / "a.png").write_bytes(b"late")
        return choose(*given)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(retention, "removable", appear)
    assert [removal.error for removal in clean(work_dir, _AT_ONCE, storage)] == ["an output has appeared in it"]
    assert (directory.output / "a.png").exists()


def test_what_is_discarded_is_gone_with_its_unfinished_upload(work_dir: Path, storage: Storage, tmp_path: Path) -> None:
    directory = _job(work_dir, "job", "uploading")
    part = tmp_path / "root/bucket/.0123456789abcdef.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"half")
    ledger = Ledger(directory.ledger)
    ledger.record("a.png", uri="s3://bucket/a.png", upload_id=part.name)
    ledger.close()
    discard(directory, storage)
    assert not directory.path.exists()
    assert not part.exists()


def test_what_a_process_works_on_is_not_discarded(work_dir: Path, storage: Storage) -> None:
    directory = _job(work_dir, "job", "uploading")
    with hold(directory), pytest.raises(DirectoryBusy):
        discard(directory, storage)
    assert (directory.output / "a.png").exists()


def test_nothing_is_discarded_while_its_uploads_cannot_be_aborted(work_dir: Path) -> None:
    class Away:
        def abandon(self, uri: str, upload_id: str) -> None:
            raise StorageError("storage is away", transient=True)

    directory = _job(work_dir, "job", "uploading")
    ledger = Ledger(directory.ledger)
    ledger.record("a.png", uri="s3://bucket/a.png", upload_id="1")
    ledger.close()
    with pytest.raises(StorageError, match="storage is away"):
        discard(directory, Away())  # type: ignore[arg-type]  # nothing else of a storage is used
    assert (directory.output / "a.png").exists()


def test_a_directory_whose_ledger_is_broken_can_be_discarded(
    work_dir: Path, storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    directory = _job(work_dir, "job", "uploading")
    _spoil_ledger(directory)
    discard(directory, storage)
    assert not directory.path.exists()
    assert "what unfinished uploads of" in caplog.text


def test_only_job_directories_are_discarded_and_no_links_to_them(work_dir: Path, storage: Storage) -> None:
    directory = _job(work_dir, "job", "uploading")
    (work_dir / "link").symlink_to(directory.path)
    (work_dir / "foreign").mkdir()
    for name in ("link", "foreign"):
        with pytest.raises(InvalidInput, match="is not a job directory"):
            discard(AttemptDirectory(work_dir / name), storage)
    assert (directory.output / "a.png").exists()


def test_directory_without_a_process_and_a_status_is_still_found(work_dir: Path) -> None:
    directory = _job(work_dir, "job", "uploading")
    directory.status.unlink()
    jobs, errors = ended_jobs(work_dir)
    assert ([(job.path.name, job.undelivered) for job in jobs], errors) == ([("job", ("a.png",))], [])


def test_a_directory_that_could_not_be_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("openjd_vstitcher.files.os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            AttemptDirectory(tmp_path / "job").create(AttemptRequest.of(claim("job"), 0.0))
    assert list(tmp_path.iterdir()) == []
    before = _job(tmp_path, "job", "uploading")
    with pytest.raises(FileExistsError):
        before.create(AttemptRequest.of(claim("job"), 0.0))
    assert (before.output / "a.png").exists()
