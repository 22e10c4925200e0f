"""Attempts that take long, hang, get stuck, or lose their claim: what the daemon and the lease make of them."""

from __future__ import annotations

import functools
import json
import sqlite3
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime

import pytest

from openjd_vstitcher import clock
from openjd_vstitcher.attempt.lock import holder, is_held
from openjd_vstitcher.attempt.request import AttemptRequest
from openjd_vstitcher.attempt.run import run_attempt
from openjd_vstitcher.attempt.status import StatusFile, read_status
from openjd_vstitcher.daemon import supervision as sv
from tests.farm import CONFIG, Farm, farm, python, scan, wait_until

__all__ = ["farm", "python", "scan"]

MISBEHAVE = "OPENJD_VS_STANDIN_MISBEHAVE"


def limits(monkeypatch: pytest.MonkeyPatch, **limits_s: float) -> None:
    monkeypatch.setattr(sv, "Limits", functools.partial(sv.Limits, **limits_s))


@pytest.mark.slow
def test_a_process_that_hangs_before_its_first_status_is_ended(
    farm: Farm, scan: Callable[[], str], python: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    limits(monkeypatch, start_s=15)
    flag = farm.folder / "hung"
    python(f"test -e {flag} || {{ touch {flag}; exec sleep 600; }}")
    job_id = scan()
    with farm.working(poll_s=0.1):
        wait_until(lambda: farm.status(job_id) == "COMPLETED_SUCCESS", 100)
    job = farm.job(job_id)
    assert (job.attempt, job.crashes) == (2, 1)


@pytest.mark.slow
def test_the_heart_of_an_attempt_beats_while_it_waits_for_an_export(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openjd_vstitcher.attempt.status._HEARTBEAT_S", 0.1)
    monkeypatch.setattr(StatusFile.alive, "__defaults__", (0.5,))
    flag = farm.folder / "works"
    rule = {"what": "slow", "in": "GarmentTechpackExport", "seconds": 6, "once": str(flag)}
    monkeypatch.setenv(MISBEHAVE, json.dumps(rule))
    job_id = farm.submit()
    claim = farm.platform.claim("w", farm.config.worker.job_types, lease_s=60)
    assert claim is not None
    directory = farm.directory(job_id)
    directory.create(AttemptRequest.of(claim, clock.now_s()))
    attempt = threading.Thread(target=run_attempt, args=(directory, farm.config, farm.platform))
    attempt.start()
    wait_until(flag.exists)
    silent_s = 0.0
    while attempt.is_alive():
        status = read_status(directory.status)
        assert status is not None
        silent_s = max(silent_s, (datetime.now(UTC) - status.heartbeat).total_seconds())
        attempt.join(0.1)
    assert silent_s < 4
    assert farm.status(job_id) == "COMPLETED_SUCCESS"


@pytest.mark.slow
def test_a_long_export_outlives_the_hang_limit_because_its_heart_beats(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits(monkeypatch, hang_s=6)
    monkeypatch.setenv(MISBEHAVE, json.dumps({"what": "slow", "in": "GarmentTechpackExport", "seconds": 32}))
    job_id = farm.submit()
    farm.work()
    job = farm.job(job_id)
    assert (job.status, job.attempt) == ("COMPLETED_SUCCESS", 1)


WEDGED = """
import time
from openjd_vstitcher.session.action_runner import ActionRunner
from openjd_vstitcher.cli import main
ActionRunner._wait = lambda *args, **kwargs: time.sleep(600)
main()
"""


@pytest.mark.slow
def test_a_process_whose_work_is_stuck_is_ended_although_its_threads_live(
    farm: Farm, python: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps its lease and writes its status in threads; the loop that waits for the export has stopped."""
    limits(monkeypatch, hang_s=8)
    flag = farm.folder / "wedged"
    script = farm.folder / "wedged.py"
    script.write_text(WEDGED)
    python(f"test -e {flag} || {{ touch {flag}; shift 2; exec {sys.executable} {script} $@; }}")
    job_id = farm.submit()
    with farm.working(poll_s=0.1):
        wait_until(flag.exists)
        wait_until(lambda: farm.job(job_id).crashes == 1, 90)
    assert farm.job(job_id).status in ("NEW", "IN_PROGRESS", "COMPLETED_SUCCESS")


@pytest.mark.slow
def test_a_job_longer_than_its_lease_stays_its_workers(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon itself asks again and again for jobs whose lease has run out; this one's is renewed all the time."""
    flag = farm.folder / "works"
    rule = {"what": "slow", "in": "GarmentTechpackExport", "seconds": 13, "once": str(flag)}
    monkeypatch.setenv(MISBEHAVE, json.dumps(rule))
    farm.configure(CONFIG.replace("lease_s = 8", "lease_s = 5"))
    job_id = farm.submit()
    with farm.working(slots=2, poll_s=0.2):
        wait_until(flag.exists)
        wait_until(lambda: farm.status(job_id) != "IN_PROGRESS")
    job = farm.job(job_id)
    assert (job.status, job.attempt, job.crashes) == ("COMPLETED_SUCCESS", 1, 0)


def test_a_claim_that_another_worker_has_taken_stops_the_process_and_its_engine(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm.configure(CONFIG.replace("lease_s = 8", "lease_s = 600"))
    job_id, daemon = farm.hanging_daemon(monkeypatch)
    process = holder(farm.directory(job_id))
    assert process is not None
    with closing(sqlite3.connect(farm.config.platform.path)) as db, db:
        db.execute("UPDATE job SET lease_expires_at = '2000-01-01T00:00:00.000000Z' WHERE id = ?", (job_id,))
    assert farm.platform.requeue_expired() == [job_id]
    claim = farm.platform.claim("other", farm.config.worker.job_types, lease_s=600)
    assert claim is not None
    wait_until(lambda: not is_held(farm.directory(job_id)), 20)
    wait_until(lambda: not farm.engines(), 20)
    daemon.terminate()
    daemon.communicate(timeout=60)
    job = farm.job(job_id)
    assert (job.status, job.worker, job.attempt) == ("IN_PROGRESS", "other", 2)
