"""Attempts that need nobody: real processes whose daemon or queue is gone, frozen or killed."""

from __future__ import annotations

import json
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from openjd_vstitcher.attempt.lock import holder, is_held
from openjd_vstitcher.attempt.status import read_status
from openjd_vstitcher.daemon.worker import Worker
from openjd_vstitcher.journal import read_journal
from openjd_vstitcher.platform.embedded import rows
from tests.farm import CONFIG, Farm, farm, hang_once, wait_until

__all__ = ["farm"]


def test_a_killed_job_process_delivers_what_it_made_and_the_job_runs_again(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = hang_once(farm, monkeypatch)
    job_id = farm.submit()
    with farm.working():
        wait_until(flag.exists)
        status = read_status(farm.directory(job_id).status)
        assert status is not None
        psutil.Process(status.pid).kill()
        wait_until(lambda: farm.status(job_id) == "COMPLETED_SUCCESS")
    job = farm.job(job_id)
    assert (job.attempt, job.crashes) == (2, 1)
    assert all(a.status == "UPLOADED" for a in farm.platform.assets(job_id))
    assert len(farm.platform.assets(job_id)) == 2


@pytest.mark.slow
def test_a_frozen_attempt_is_not_taken_for_dead(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id, daemon = farm.hanging_daemon(monkeypatch)
    directory = farm.directory(job_id)
    process = holder(directory)
    assert process is not None
    daemon.kill()
    daemon.communicate()
    process.suspend()
    directory.status.write_text("{")
    worker = Worker(farm.config, farm.platform)
    thread = threading.Thread(target=worker.run)
    thread.start()
    threading.Event().wait(2)
    assert farm.job(job_id).status == "IN_PROGRESS"
    assert not directory.reported.exists()
    process.resume()
    worker.stop()
    worker.stop()
    thread.join(60)
    assert not thread.is_alive()
    assert farm.job(job_id).status == "NEW"


def test_cancel_is_heard_and_ended_within_two_seconds(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    flag = hang_once(farm, monkeypatch)
    job_id = farm.submit()
    daemon = threading.Thread(target=farm.work, kwargs={"lease_s": 60})
    daemon.start()
    wait_until(flag.exists)
    events = farm.directory(job_id).journal
    asked = datetime.now(UTC)
    farm.platform.request_cancel(job_id)
    daemon.join(60)
    assert farm.job(job_id).status == "CANCELED"
    told = next(e.time for e in read_journal(events) if e.name == "action_status" and "cancel" in str(e.fields))
    assert (told - asked).total_seconds() < 2


@pytest.mark.parametrize("how", ["killed", "frozen"])
@pytest.mark.slow
def test_an_attempt_needs_no_daemon_for_five_leases(farm: Farm, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """The daemon is gone or stands still; the attempt keeps its lease, is claimed by nobody else, and reports."""
    farm.configure(CONFIG.replace("lease_s = 8", "lease_s = 4"))
    flag = farm.folder / "works"
    rule = {"what": "slow", "in": "GarmentTechpackExport", "seconds": 25, "once": str(flag)}
    monkeypatch.setenv("OPENJD_VS_STANDIN_MISBEHAVE", json.dumps(rule))
    job_id = farm.submit()
    daemon = farm.daemon()
    wait_until(flag.exists)
    if how == "killed":
        daemon.kill()
        daemon.communicate()
    else:
        daemon.send_signal(signal.SIGSTOP)
    ended = time.monotonic() + 5 * farm.config.worker.lease_s
    while time.monotonic() < ended:
        assert farm.platform.requeue_expired() == []
        assert farm.platform.claim("other", farm.config.worker.job_types, lease_s=60) is None
        threading.Event().wait(0.5)
    wait_until(farm.directory(job_id).reported.exists)
    job = farm.job(job_id)
    assert (job.status, job.attempt) == ("COMPLETED_SUCCESS", 1)
    if how == "frozen":
        daemon.send_signal(signal.SIGCONT)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == 0


@pytest.mark.slow
def test_law_10_an_outage_longer_than_a_lease_ends_the_attempt_in_time_and_counts_no_crash(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = hang_once(farm, monkeypatch)
    farm.configure(CONFIG.replace("lease_s = 8", "lease_s = 8\npoll_s = 2"))
    job_id = farm.submit()
    daemon = farm.daemon()
    wait_until(flag.exists)
    lease_ends = farm.job(job_id).lease_expires_at
    blocker = sqlite3.connect(farm.config.platform.path, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    wait_until(lambda: not is_held(farm.directory(job_id)))
    ended = datetime.now(UTC)
    wait_until(lambda: not farm.engines(), 10)
    row = blocker.execute("SELECT lease_expires_at FROM job WHERE id = ?", (job_id,)).fetchone()
    assert lease_ends is not None
    assert ended < datetime.fromisoformat(row[0])
    over = rows.text(ended - timedelta(seconds=1))
    blocker.execute("UPDATE job SET lease_expires_at = ? WHERE id = ?", (over, job_id))
    blocker.execute("COMMIT")
    blocker.close()
    wait_until(lambda: farm.job(job_id).status == "COMPLETED_SUCCESS", 90)
    assert farm.job(job_id).attempt == 2
    wait_until(farm.directory(job_id).reported.exists, 90)
    assert farm.job(job_id).crashes == 0
    daemon.send_signal(signal.SIGTERM)
    daemon.communicate()


def test_a_daemon_that_is_killed_interrupts_nothing_and_the_next_one_takes_over(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id, daemon = farm.hanging_daemon(monkeypatch)
    daemon.kill()
    daemon.communicate()
    assert is_held(farm.directory(job_id))

    worker = threading.Thread(target=farm.work)
    worker.start()
    threading.Event().wait(0.5)
    farm.engines()[0].kill()
    worker.join(60)
    job = farm.job(job_id)
    assert job.attempt == 1
    assert job.status == "COMPLETED_ERRORS"
    assert "dxf_bundle.zip" in (job.status_details or "")


@pytest.mark.parametrize("order", [list, reversed], ids=["daemon first", "engine first"])
def test_the_shutdown_of_a_machine_cancels_nothing(
    farm: Farm, monkeypatch: pytest.MonkeyPatch, order: Callable[[list[psutil.Process]], Iterable[psutil.Process]]
) -> None:
    """SIGTERM to every process, as at a shutdown, puts the job back into the queue, uncounted and without a pause."""
    job_id, daemon = farm.hanging_daemon(monkeypatch)
    processes = farm.processes()
    assert {"daemon", "run-job", "supervise", "openjd_vstitcher.standin"} <= {
        word for process in processes for word in process.cmdline()
    }
    for process in order(processes):
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    daemon.communicate(timeout=60)
    job = farm.job(job_id)
    assert (job.status, job.auto_retries, job.crashes, job.returns) == ("NEW", 0, 0, 0)
    wait_until(lambda: not farm.engines(), 10)
