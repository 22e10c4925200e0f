"""Many workers in processes of their own, killed at random: every job ends once, by the attempt that holds it."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from openjd_vstitcher.config import load_config
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.ports import Platform
from openjd_vstitcher.platform.values import NewJob
from tests.contract.platforms import Deployment

pytest_plugins = ["tests.contract.fixtures"]

TYPES = ("DXA_EXPORT_BODY_BUNDLE", "DXA_EXPORT_ASSET_BUNDLE", "BRAND_ONBOARDING", "TEST")
SEED = 20261122
SCRIPT = Path(__file__).with_name("soak_worker.py")


class Workers:
    """So many worker processes; a killed one is followed by another under a new name."""

    def __init__(self, count: int, config: Path, ended: Path, chance: random.Random) -> None:
        self._chance = chance
        self._arguments = (str(config), str(ended))
        self._started = 0
        self.killed = 0
        self.processes = [self._start() for _ in range(count)]

    def _start(self) -> subprocess.Popen[str]:
        config, ended = self._arguments
        self._started += 1
        command = [sys.executable, str(SCRIPT), config, f"w{self._started}", ended, str(self._chance.getrandbits(32))]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def kill_one(self) -> None:
        """Kills a worker at random; returns when the one that follows it has begun."""
        running = [i for i, process in enumerate(self.processes) if process.poll() is None]
        if running:
            index = self._chance.choice(running)
            self.processes[index].kill()
            self.processes[index].wait()
            self.killed += 1
            self.processes[index] = self._start()
            self.processes[index].stdout.readline()  # type: ignore[union-attr]

    def running(self) -> bool:
        return any(process.poll() is None for process in self.processes)


@contextmanager
def at_work(count: int, config: Path, ended: Path, chance: random.Random) -> Iterator[Workers]:
    workers = Workers(count, config, ended, chance)
    try:
        for process in workers.processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        yield workers
    finally:
        for process in workers.processes:
            process.kill()
            process.wait()


@pytest.mark.slow
@pytest.mark.timeout(420)
@pytest.mark.parametrize(
    ("kind", "jobs", "workers", "pause_s"), [("extended", 2000, 16, 1.0), ("embedded", 4000, 6, 0.2)]
)
def test_every_job_ends_once_whatever_is_killed(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, jobs: int, workers: int, pause_s: float
) -> None:
    config = tmp_path / "config.toml"
    if kind == "extended":
        deployment: Deployment = request.getfixturevalue("extended_deployment")
        deployment.clear()
        of = deployment.config
        config.write_text(
            f'[platform]\nkind = "hasura"\nendpoint = "{of.endpoint}"\ncredential_file = "{of.credential_file}"\n'
        )
    else:
        config.write_text('[platform]\npath = "platform.sqlite"\n')
    platform = open_platform(load_config(config).platform)
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    ids = submit(platform, jobs, chance)
    ended = tmp_path / "ended"
    with at_work(workers, config, ended, chance) as at:
        tick = threading.Event()
        deadline = time.monotonic() + 360
        while at.running() and time.monotonic() < deadline:
            tick.wait(chance.uniform(0.2, 1.0) * pause_s)
            if platform.jobs(status="NEW", limit=1):
                at.kill_one()
        assert not at.running(), Counter(job.status for job in platform.jobs(limit=jobs))
        assert at.killed >= 5
        assert [process.returncode for process in at.processes] == [0] * workers
    assert_each_ended_once(platform, ids, ended)
    platform.close()


def submit(platform: Platform, count: int, chance: random.Random) -> set[str]:
    platform.put_preset({"key": "k", "name": "k", "version": 0, "details": {}})
    kinds = chance.choices(TYPES, k=count)
    return {platform.submit(NewJob(t, "k", {}, priority=chance.randrange(3))).id for t in kinds}


def assert_each_ended_once(platform: Platform, ids: set[str], ended: Path) -> None:
    acknowledged = [line.split(" ", 1) for line in ended.read_text().splitlines()]
    found = {job.id: job for job in platform.jobs(limit=10_000)}
    assert set(found) == ids
    assert {job.status for job in found.values()} == {"COMPLETED_SUCCESS"}
    assert max(Counter(job_id for job_id, _ in acknowledged).values()) == 1
    for job_id, mark in acknowledged:
        assert found[job_id].status_details == mark
    again = 0
    for job in found.values():
        assert job.status_details == f"{job.worker} {job.attempt}"
        (asset,) = platform.assets(job.id)
        assert (asset.status, asset.details["mark"]) == ("UPLOADED", job.status_details)
        changes = [(e.attempt, e.fields["to"]) for e in platform.events(job.id) if e.name == "status_changed"]
        assert [attempt for attempt, to in changes if to == "IN_PROGRESS"] == list(range(1, job.attempt + 1))
        assert [to for _, to in changes].count("COMPLETED_SUCCESS") == 1
        again += job.attempt > 1
    assert again > 0, "no kill hit a worker that held a job"
