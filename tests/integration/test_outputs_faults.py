"""Nothing is lost and nothing is doubled: kills at random moments, and a network that fails all the time."""

from __future__ import annotations

import os
import random
import re
import signal
import threading
import time
from pathlib import Path

import pytest

from openjd_vstitcher.journal import read_journal
from tests.fault_proxy import FAULTS, fault_proxy
from tests.s3_job import S3Job, make_s3_job
from tests.s3_server import S3Server

pytestmark = pytest.mark.usefixtures("s3_credentials")
_MIB = 1 << 20


def _sizes(count: int, largest: int, seed: int) -> list[int]:
    """From 1 KB to the largest, evenly over the orders of magnitude, both ends included."""
    chance = random.Random(seed)
    between = [int(1024 * (largest / 1024) ** chance.random()) for _ in range(count - 2)]
    return [1024, *between, largest]


def _uploading(job: S3Job) -> int:
    return sum(event.name in ("output_uploading", "output_stored") for event in read_journal(job.directory.journal))


def _kill_at_random(job: S3Job, chance: random.Random, longest_s: float) -> bool:
    """Start the uploads and kill their process somewhere in the middle. False when it was done before that."""
    before = _uploading(job)
    process = job.start_resume()
    pause, deadline = threading.Event(), time.monotonic() + 60
    while process.poll() is None and _uploading(job) == before:
        assert time.monotonic() < deadline
        pause.wait(0.01)
    pause.wait(chance.random() * longest_s)
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
    output, _ = process.communicate()
    assert alive or process.returncode == 0, output.decode()
    return alive


def _kill_and_resume(
    directory: Path, server: S3Server, *, kills: int, count: int, largest: int, longest_s: float
) -> None:
    chance, killed, jobs = random.Random(20261122), 0, 0
    while killed < kills:
        jobs += 1
        (directory / str(jobs)).mkdir()
        sizes = _sizes(count, largest, seed=jobs)
        job = make_s3_job(directory / str(jobs), server, sizes, seed=jobs)
        while killed < kills and _kill_at_random(job, chance, longest_s):
            killed += 1
        process = job.start_resume()
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output.decode()
        job.check_all_delivered()


def test_outputs_survive_kills_at_random_moments(s3_server: S3Server, tmp_path: Path) -> None:
    _kill_and_resume(tmp_path, s3_server, kills=3, count=10, largest=24 * _MIB, longest_s=0.3)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_forty_outputs_survive_fifty_kills_at_random_moments(s3_server: S3Server, tmp_path: Path) -> None:
    _kill_and_resume(tmp_path, s3_server, kills=50, count=40, largest=64 * _MIB, longest_s=1.0)


def _deliver_through_faults(
    directory: Path, server: S3Server, *, count: int, largest: int, rate: float, kinds: int
) -> None:
    with fault_proxy(server.endpoint_url, rate=rate, seed=5) as proxy:
        sizes = _sizes(count, largest, seed=5)
        job = make_s3_job(directory, server, sizes, seed=7, endpoint_url=proxy.endpoint_url)
        process = job.start_resume()
        output, _ = process.communicate(timeout=800)
        assert process.returncode == 0, output.decode()
    job.check_all_delivered()
    assert sum(proxy.met[fault] > 0 for fault in FAULTS) >= kinds


def test_outputs_survive_a_network_that_fails_a_third_of_the_time(s3_server: S3Server, tmp_path: Path) -> None:
    _deliver_through_faults(tmp_path, s3_server, count=16, largest=12 * _MIB, rate=0.3, kinds=5)


def test_storage_that_is_away_is_waited_for_and_said_to_be(s3_server: S3Server, tmp_path: Path) -> None:
    with fault_proxy(s3_server.endpoint_url, rate=0.0, seed=1) as proxy:
        job = make_s3_job(tmp_path, s3_server, [1000, 6 * _MIB], seed=9, endpoint_url=proxy.endpoint_url)
        proxy.rate = 1.0
        process = job.start_resume()
        pause, deadline = threading.Event(), time.monotonic() + 60
        while len(waits := [e for e in read_journal(job.directory.journal) if e.name == "output_waiting"]) < 4:
            assert time.monotonic() < deadline
            pause.wait(0.05)
        assert process.poll() is None
        reasons = {event.fields["reason"] for event in waits}
        assert [reason for reason in reasons if not re.search("^cannot .*s3://style-assets/exports/", reason)] == []
        proxy.rate = 0.0
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output.decode()
    job.check_all_delivered()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_forty_outputs_survive_a_network_that_fails_a_third_of_the_time(s3_server: S3Server, tmp_path: Path) -> None:
    _deliver_through_faults(tmp_path, s3_server, count=40, largest=64 * _MIB, rate=0.3, kinds=len(FAULTS))
