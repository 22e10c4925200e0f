"""Law 10 on a whole machine: real daemons that meet poison rows, broken disks and broken configurations."""

from __future__ import annotations

import errno
import functools
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import psutil
import pytest

from openjd_vstitcher import clock
from openjd_vstitcher.attempt.directory import AttemptDirectory
from openjd_vstitcher.attempt.outcome import machine_fault
from openjd_vstitcher.attempt.request import AttemptRequest
from openjd_vstitcher.attempt.resume import finish_attempt
from openjd_vstitcher.attempt.run import run_attempt
from openjd_vstitcher.attempt.status import StatusFile
from openjd_vstitcher.daemon import fitness, supervision
from openjd_vstitcher.daemon.queue_client import QueueClient
from openjd_vstitcher.errors import PlatformError
from openjd_vstitcher.platform.values import NewJob
from tests.farm import CONFIG, Farm, farm, python, scan, wait_until

__all__ = ["farm", "python", "scan"]

# Poison rows


@pytest.mark.parametrize("depth", [600, 1_000_000])
def test_details_nested_too_deeply_end_their_job_alone(farm: Farm, scan: Callable[[], str], depth: int) -> None:
    poison, good = scan(), scan()
    with closing(sqlite3.connect(farm.config.platform.path)) as db, db:
        nested = "[" * depth + "]" * depth
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute("UPDATE job SET details = ?, priority = 9 WHERE id = ?", (f'{{"x": {nested}}}', poison))
    assert farm.work() >= 1
    assert farm.status(good) == "COMPLETED_SUCCESS"
    with closing(sqlite3.connect(farm.config.platform.path)) as db:
        (row,) = db.execute("SELECT status, status_details FROM job WHERE id = ?", (poison,))
    assert row[0] == "COMPLETED_ERRORS"
    assert "nested" in row[1] or "recursion" in row[1] or "details" in row[1]


@pytest.mark.parametrize(
    "job_id",
    ["../../outside", *(pytest.param(name, marks=pytest.mark.slow) for name in ("a/b", ".", "x" * 65, "-rf", "a\nb"))],
)
def test_a_job_id_is_never_a_path(farm: Farm, scan: Callable[[], str], job_id: str) -> None:
    scan()
    farm.platform.submit(NewJob("DXA_EXPORT_ASSET_BUNDLE", "scan", {}, id=job_id, priority=9))
    before = {path for path in farm.folder.rglob("*") if path.is_dir()}
    assert farm.work() == 1
    ended = farm.job(job_id)
    assert ended.status == "COMPLETED_ERRORS"
    assert "is not a usable job id" in (ended.status_details or "")
    assert ended.errors[0]["stage"] == "claim"
    made = {path for path in farm.folder.rglob("*") if path.is_dir()} - before
    assert all(path.is_relative_to(farm.folder / "jobs") or "storage" in path.parts for path in made)
    assert len(list(farm.config.worker.work_dir.glob("*.*/request.json"))) == 1


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ('[storage]\nwrite_to = ["s3://elsewhere/"]\n', "storage.write_to"),
        ('[worker]\nallowed_commands = ["openjd-vs"]\n', "vstitcher-openjd"),
    ],
)
def test_what_the_configuration_does_not_allow_ends_the_job_before_anything_runs(
    farm: Farm, scan: Callable[[], str], config: str, message: str
) -> None:
    table, _, key = config.partition("\n")
    text = (
        CONFIG.replace(f"{table}\n", config)
        if f"{table}\n" in CONFIG
        else CONFIG.replace("[storage.local]", f"{config}[storage.local]")
    )
    farm.configure(text)
    job_id = scan()
    farm.work()
    ended = farm.job(job_id)
    assert ended.status == "COMPLETED_ERRORS", key
    assert message in (ended.status_details or "")
    assert not list(farm.directory(job_id).sessions.iterdir())


@pytest.mark.slow
def test_a_job_that_can_never_be_prepared_now_lets_the_others_have_their_turn(
    farm: Farm, scan: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its inputs are in a directory that a network drive has lost: it pauses, and the machine does not."""
    lost = farm.config.storage.local.root / "body-files" / "lost"
    stuck = farm.platform.submit(
        NewJob("DXA_EXPORT_ASSET_BUNDLE", "scan", {"input_file_uri": "s3://body-files/lost/tee.bw"}, priority=9)
    ).id
    lost.symlink_to(lost)
    good = [scan() for _ in range(3)]
    farm.work()
    assert [farm.status(job_id) for job_id in good] == ["COMPLETED_SUCCESS"] * 3
    assert farm.job(stuck).attempt <= 3


def test_no_error_of_the_queue_ends_a_daemon_that_waits(farm: Farm, scan: Callable[[], str]) -> None:
    waits: list[Exception] = [PlatformError("away", transient=True), RecursionError("deep"), ValueError("bad answer")]
    wait_for_jobs = farm.platform.wait_for_jobs

    def fails(job_types: Sequence[str], *, timeout_s: float) -> bool:
        if waits:
            raise waits.pop()
        return wait_for_jobs(job_types, timeout_s=timeout_s)

    farm.platform.wait_for_jobs = fails  # type: ignore[method-assign]
    with farm.working(poll_s=60):
        wait_until(lambda: not waits)
        job_id = scan()
        wait_until(lambda: farm.status(job_id) == "COMPLETED_SUCCESS")


def test_no_error_of_a_claim_ends_the_daemon(
    farm: Farm, scan: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    claims: list[Exception] = [PlatformError("away", transient=True), RecursionError("deep"), ValueError("bad answer")]
    claim = farm.platform.claim

    def fails(*given: Any, **named: Any) -> Any:
        if claims:
            raise claims.pop()
        return claim(*given, **named)

    monkeypatch.setattr(farm.platform, "claim", fails)
    job_id = scan()
    with farm.working(poll_s=0.1):
        wait_until(lambda: farm.status(job_id) == "COMPLETED_SUCCESS")
    assert claims == []


# Sick machines


@pytest.mark.slow
def test_a_process_that_never_begins_rests_the_machine_and_puts_its_job_on_hold_the_third_time(
    farm: Farm, scan: Callable[[], str], python: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    python("echo no library; kill -9 $$")
    first = scan()
    with farm.working(poll_s=0.1):
        wait_until(lambda: farm.status(first) == "ON_HOLD")
    held = farm.job(first)
    assert (held.attempt, held.crashes) == (3, 3)
    assert "no library" in (held.status_details or "")
    assert f"openjd-vs jobs release {first}" in (held.status_details or "")
    assert "3 attempts in a row could not be made on this machine" in caplog.text
    assert all(farm.directory(first, attempt).reported.exists() for attempt in (1, 2, 3))


@pytest.mark.slow
def test_a_process_that_shows_no_sign_of_life_is_killed(
    farm: Farm, scan: Callable[[], str], python: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "Limits", functools.partial(supervision.Limits, start_s=0.3))
    pids = farm.folder / "pids"
    python(f"echo $$ >> {pids}; exec sleep 600")
    job_id = scan()
    with farm.working(poll_s=0.1):
        wait_until(lambda: farm.status(job_id) == "ON_HOLD")
    assert farm.job(job_id).crashes == 3
    assert [pid for pid in map(int, pids.read_text().split()) if psutil.pid_exists(pid)] == []


def test_a_machine_that_cannot_run_attempts_leaves_the_queue_alone(
    farm: Farm, scan: Callable[[], str], python: Callable[[str], None]
) -> None:
    """Before, four jobs were ended after three attempts each in seven seconds."""
    python("exit 1")
    jobs = [scan() for _ in range(4)]
    with farm.working(poll_s=2):
        wait_until(lambda: sum(farm.job(job_id).crashes for job_id in jobs) >= 2)
        told = [farm.job(job_id) for job_id in jobs]
    assert [job.status for job in told] == ["NEW"] * 4
    assert sum(job.attempt for job in told) == 2


@pytest.mark.slow
def test_a_configuration_that_was_broken_under_the_daemon_stops_claims_and_ends_no_job(
    farm: Farm, scan: Callable[[], str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("openjd_vstitcher.daemon.worker._FITNESS_LOOK_S", 0.2)
    file = farm.folder / "c.toml"
    text = file.read_text()
    with farm.working(poll_s=0.2):
        file.write_text("[worker\n")
        wait_until(lambda: "claiming nothing: the configuration cannot be used" in caplog.text)
        jobs = [scan() for _ in range(3)]
        waiting = [farm.job(job_id) for job_id in jobs]
        assert [job.status for job in waiting] == ["NEW"] * 3
        file.write_text(text)
        wait_until(lambda: [farm.status(job_id) for job_id in jobs] == ["COMPLETED_SUCCESS"] * 3)


def test_a_ledger_that_cannot_be_opened_gives_the_job_back_uncounted(
    farm: Farm, scan: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    create = AttemptDirectory.create

    def with_broken_ledger(self: AttemptDirectory, request: Any) -> None:
        create(self, request)
        self.ledger.mkdir()

    monkeypatch.setattr(AttemptDirectory, "create", with_broken_ledger)
    job_id = scan()
    with farm.working():
        wait_until(lambda: farm.job(job_id).returns)
    job = farm.job(job_id)
    assert (job.status, job.auto_retries, job.returns, job.crashes) == ("NEW", 0, 1, 0)
    assert "unable to open database file" in (job.status_details or "")
    assert job.errors[0]["stage"] == "machine"


@pytest.mark.slow
def test_a_job_comes_back_after_the_machines_fault_and_succeeds(
    farm: Farm, scan: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = [OSError(errno.ENOSPC, "No space left on device"), OSError(errno.EROFS, "Read-only file system")]
    create = AttemptDirectory.create

    def sometimes(self: AttemptDirectory, request: Any) -> None:
        if faults:
            raise faults.pop()
        create(self, request)

    monkeypatch.setattr(AttemptDirectory, "create", sometimes)
    job_id = scan()
    with farm.working(poll_s=0.1):
        wait_until(lambda: farm.status(job_id) == "COMPLETED_SUCCESS")
    job = farm.job(job_id)
    assert (job.attempt, job.returns, job.auto_retries, job.crashes) == (3, 2, 0, 0)


@pytest.mark.slow
def test_an_export_that_does_not_fit_on_the_disk_gives_the_job_back_uncounted(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk had room when the job was claimed and staged; the engine writes half a file and says "code 5"."""
    free = shutil.disk_usage(farm.folder).free
    farm.configure(CONFIG.replace("lease_s = 8", f"lease_s = 60\nmin_free_bytes = {free * 3 // 2}"))
    rule = {"what": "half_file", "in": "GarmentTechpackExport"}
    monkeypatch.setenv("OPENJD_VS_STANDIN_MISBEHAVE", json.dumps(rule))
    job_id = farm.submit()
    claim = farm.platform.claim("w", farm.config.worker.job_types, lease_s=60)
    assert claim is not None
    directory = farm.directory(job_id)
    directory.create(AttemptRequest.of(claim, clock.now_s()))
    assert run_attempt(directory, farm.config, farm.platform)
    job = farm.job(job_id)
    assert (job.status, job.auto_retries, job.crashes, job.returns) == ("NEW", 0, 0, 1)
    assert f"are free on the disk of {directory.output}" in str(job.status_details)
    assert "failed in stage" in str(job.status_details)


def test_a_machine_is_unfit_when_its_disk_is_full_or_cannot_be_written(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = farm.config
    config.worker.work_dir.mkdir()
    assert fitness.unfitness(config) == ""
    assert list(config.worker.work_dir.iterdir()) == []
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: (_ for _ in ()).throw(OSError(errno.EROFS, "Read-only file system")))
        assert fitness.unfitness(config) == f"{config.worker.work_dir} cannot be used: Read-only file system"
    (farm.folder / "c.toml").write_text(
        CONFIG.replace("lease_s = 8", "lease_s = 8\nmin_free_bytes = 9000000000000000000")
    )
    farm.configure((farm.folder / "c.toml").read_text())
    assert "MiB are free in" in fitness.unfitness(farm.config)
    (farm.folder / "c.toml").write_text("[worker]\nslots = 0\n")
    assert fitness.unfitness(config).startswith("the configuration cannot be used: ")


def test_an_unfit_machine_claims_nothing(farm: Farm, scan: Callable[[], str]) -> None:
    job_id = scan()
    farm.work(min_free_bytes=1 << 62)
    assert farm.job(job_id).attempt == 0


@pytest.mark.slow
def test_a_machine_claims_nothing_until_it_is_fit_again(
    farm: Farm, scan: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = ["the disk is full", "the disk is full", "the disk is full"]
    monkeypatch.setattr("openjd_vstitcher.daemon.worker._FITNESS_LOOK_S", 0.1)
    monkeypatch.setattr("openjd_vstitcher.daemon.worker.unfitness", lambda config: reasons.pop() if reasons else "")
    job_id, claim = scan(), farm.platform.claim
    left: list[int] = []

    def noted(*given: Any, **named: Any) -> Any:
        left.append(len(reasons))
        return claim(*given, **named)

    monkeypatch.setattr(farm.platform, "claim", noted)
    with farm.working(poll_s=0.1):
        wait_until(lambda: farm.status(job_id) == "COMPLETED_SUCCESS")
    assert set(left) == {0}


# The end of a job


def test_an_export_that_succeeds_and_whose_upload_fails_ends_with_errors_and_the_reason(
    farm: Farm, scan: Callable[[], str]
) -> None:
    (farm.config.storage.local.root / "style-assets").write_text("a file where the bucket should be")
    job_id = scan()
    farm.work()
    job = farm.job(job_id)
    assert job.status == "COMPLETED_ERRORS"
    assert (job.status_details or "").startswith("1 of 1 exports failed: scan.json: cannot store s3://style-assets/")
    assert "UPLOADED" not in [asset.status for asset in farm.platform.assets(job_id)]


def test_what_a_killed_attempt_left_with_a_broken_ledger_is_reported_all_the_same(farm: Farm) -> None:
    job_id = farm.submit()
    claim = farm.platform.claim("w", farm.config.worker.job_types, lease_s=60)
    assert claim is not None
    directory = farm.directory(job_id)
    directory.create(AttemptRequest.of(claim, clock.now_s()))
    StatusFile(directory.status, job_id=job_id, attempt=1)
    directory.ledger.write_bytes(b"not a database" * 100)
    assert finish_attempt(directory, farm.config, farm.platform)
    assert (farm.status(job_id), farm.job(job_id).crashes) == ("NEW", 1)


@pytest.mark.slow
def test_an_engine_that_dies_after_its_last_output_was_delivered_fails_no_job(
    farm: Farm, python: Callable[[str], None]
) -> None:
    """The plugin publishes the file, and the engine is gone before it can say so."""
    script = farm.folder / "engine_dies.py"
    job_id = farm.submit()
    script.write_text(ENGINE_DIES)
    python(f"shift 2; exec {sys.executable} {script} $@")
    farm.work()
    job = farm.job(job_id)
    assert (job.status, job.status_details) == ("COMPLETED_SUCCESS", None)
    warned = [event for event in farm.platform.events(job_id) if event.name == "warning"]
    assert any("every output of the job was delivered all the same" in str(event.fields) for event in warned)


ENGINE_DIES = """
from openjd.sessions import ActionState
from openjd_vstitcher.session.action_runner import ActionRunner
from openjd_vstitcher.session.actions import RunTask
from openjd_vstitcher.cli import main
import dataclasses

run, wait = ActionRunner.run, ActionRunner._wait

def running(self, session, action, **options):
    self.is_task = isinstance(action, RunTask)
    run(self, session, action, **options)

def waiting(self, session, **options):
    status = wait(self, session, **options)
    if self.is_task:
        status = dataclasses.replace(status, state=ActionState.FAILED, fail_message="the engine exited with code 139")
    return status

ActionRunner.run, ActionRunner._wait = running, waiting
main()
"""


def test_a_report_that_cannot_be_sent_does_not_end_the_thread_that_sends_reports(farm: Farm) -> None:
    told: list[bool] = []

    def broken(claim: object, outcome: object) -> None:
        raise ValueError("not JSON")

    job_id = farm.submit()
    claim = farm.platform.claim("w", farm.config.worker.job_types, lease_s=60)
    assert claim is not None
    finish = farm.platform.finish
    farm.platform.finish = broken  # type: ignore[method-assign]
    with QueueClient(farm.config.worker, farm.platform, "w", lambda *args: None, lambda event: None) as client:
        client.finish(claim, machine_fault("x"), told.append)
        wait_until(lambda: told)
        farm.platform.finish = finish  # type: ignore[method-assign]
        client.finish(claim, machine_fault("x"), told.append)
        wait_until(lambda: len(told) == 2)
    assert told == [False, True]
    assert farm.status(job_id) == "NEW"
