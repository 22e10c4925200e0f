"""Chaos: many jobs on three slots while every process is killed, frozen and told to stop at random. `make chaos`.

Set CHAOS_JOBS, CHAOS_SEED and CHAOS_PACE_S to change the game; a run prints its seed and its figures.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from openjd_vstitcher.config import Config, load_config
from openjd_vstitcher.events import StatusChanged
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.ports import Platform
from openjd_vstitcher.platform.values import ENDED, NewJob
from openjd_vstitcher.presets import load_preset
from openjd_vstitcher.resources import resource
from tests.contract.platforms import Deployment

pytest_plugins = ["tests.contract.fixtures"]
pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

JOBS = int(os.environ.get("CHAOS_JOBS", "200"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
PACE_S = float(os.environ.get("CHAOS_PACE_S", "3"))
LEASE_S = 6.0
OUTPUTS = ("scan1.json", "scan2.json")
PRESET = {
    "key": "chaos",
    "details": {
        "instructions": [{"type": "EXPORT", "export_type": "SCAN", "output_file_name": name} for name in OUTPUTS],
        "remote_destination": "s3://style-assets/",
    },
}
PLATFORMS = {
    "embedded": 'kind = "embedded"\npath = "platform.sqlite"\n',
    "hasura": 'kind = "hasura"\nendpoint = "{endpoint}"\ncredential_file = "{credential}"\nretry_limit_s = 20\n',
}
CONFIG = """
[platform]
{platform}
[storage.local]
root = "storage"
[worker]
id = "w"
work_dir = "jobs"
slots = 3
lease_s = {lease_s}
poll_s = 1
min_free_bytes = 0
[outputs]
keep_done_days = 0
[engine]
kind = "standin"
"""


class Machine:
    """A worker's machine on which things go wrong."""

    def __init__(self, folder: Path, deployment: Deployment | None) -> None:
        self.folder = folder
        self.deployment = deployment
        self.dice = random.Random(SEED)
        self.done: Counter[str] = Counter()
        self.peak_bytes = 0
        platform = PLATFORMS["hasura" if deployment else "embedded"]
        if deployment:
            platform = platform.format(
                endpoint=deployment.config.endpoint, credential=deployment.config.credential_file
            )
        (folder / "c.toml").write_text(CONFIG.format(platform=platform, lease_s=LEASE_S))
        self.config: Config = load_config(folder / "c.toml")
        self.platform: Platform = open_platform(self.config.platform)
        garment = self.config.storage.local.root / "body-files" / "tee.bw"
        garment.parent.mkdir(parents=True)
        shutil.copyfile(resource("examples/garments/tee.bw"), garment)
        load_preset(PRESET)
        self.platform.put_preset(PRESET)
        self._daemon: subprocess.Popen[bytes] | None = None
        self._thawing: list[threading.Timer] = []

    def submit(self, count: int) -> list[str]:
        details = {"input_file_uri": "s3://body-files/tee.bw"}
        return [self.platform.submit(NewJob("TEST", "chaos", details)).id for _ in range(count)]

    def keep_daemon(self) -> None:
        """Start the daemon if none runs, as a service manager does, and look at its memory."""
        if self._daemon is None or self._daemon.poll() is not None:
            log = (self.folder / "daemon.log").open("ab")
            command = [sys.executable, "-m", "openjd_vstitcher.cli", "daemon", "--config", str(self.folder / "c.toml")]
            self._daemon = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
            self.done["daemon started"] += 1
        with contextlib.suppress(psutil.Error):
            self.peak_bytes = max(self.peak_bytes, psutil.Process(self._daemon.pid).memory_info().rss)

    def harm(self) -> None:
        """Do one thing that goes wrong on machines."""
        what = self.dice.choices(["kill", "freeze", "stop", "queue away"], [5, 3, 2, 1])[0]
        if what == "queue away":
            self._queue_away(self.dice.uniform(0.5, 1.5 * LEASE_S))
            self.done[what] += 1
            return
        victims = {"daemon": self._daemons(), **self._of_attempts()}
        role = self.dice.choice([role for role, processes in victims.items() if processes] or [""])
        if not role:
            return
        victim = self.dice.choice(sorted(victims[role], key=lambda process: process.pid))
        with contextlib.suppress(psutil.Error):
            if what == "kill":
                victim.kill()
            elif what == "stop":
                victim.terminate()
            else:
                victim.suspend()
                self._thaw_later(victim, self.dice.uniform(0.5, 2 * LEASE_S))
            self.done[f"{what} {role}"] += 1

    def end(self) -> None:
        """Stop the daemon for good and thaw what is frozen."""
        for timer in self._thawing:
            timer.join(3 * LEASE_S)
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait(60)
        self.platform.close()

    def processes(self) -> list[psutil.Process]:
        """Everything that runs for this machine."""
        return [
            process for processes in ({"d": self._daemons(), **self._of_attempts()}).values() for process in processes
        ]

    def _daemons(self) -> list[psutil.Process]:
        if self._daemon is None or self._daemon.poll() is not None:
            return []
        return [psutil.Process(self._daemon.pid)]

    def _of_attempts(self) -> dict[str, list[psutil.Process]]:
        found: dict[str, list[psutil.Process]] = {"attempt": [], "supervisor": [], "engine": [], "action": []}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                command = " ".join(process.cmdline())
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                if "openjd_vstitcher.standin" in command:
                    if str(self.folder) in str(process.environ()):
                        found["engine"].append(process)
                elif str(self.folder) in command and "-m pytest" not in command:
                    role = "attempt" if "-job" in command else "supervisor" if "supervise" in command else "action"
                    if " daemon --config" not in command:
                        found[role].append(process)
        return found

    def _thaw_later(self, process: psutil.Process, after_s: float) -> None:
        def thaw() -> None:
            with contextlib.suppress(psutil.Error):
                process.resume()

        timer = threading.Timer(after_s, thaw)
        timer.start()
        self._thawing.append(timer)

    def _queue_away(self, for_s: float) -> None:
        if self.deployment is not None:
            self.deployment.server.kill()
            threading.Event().wait(for_s)
            self.deployment.server.start()
            return
        with contextlib.closing(sqlite3.connect(self.config.platform.path, isolation_level=None)) as blocker:
            blocker.execute("PRAGMA busy_timeout = 5000")
            blocker.execute("BEGIN EXCLUSIVE")
            threading.Event().wait(for_s)
            blocker.execute("ROLLBACK")


@pytest.fixture(params=["embedded", "hasura"])
def machine(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    monkeypatch.setenv("OPENJD_VS_STANDIN_MAX_PIXELS", "2000")
    deployment: Deployment | None = None
    if request.param == "hasura":
        deployment = request.getfixturevalue("extended_deployment")
        deployment.clear()
    made = Machine(tmp_path, deployment)
    yield made
    for process in made.processes():
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)


def test_every_job_ends_once_and_rightly_whatever_is_killed(machine: Machine) -> None:
    jobs = machine.submit(JOBS)
    began = time.monotonic()
    next_harm = began + PACE_S
    while left := [job_id for job_id in jobs if machine.platform.job(job_id).status not in ENDED]:
        machine.keep_daemon()
        for job_id in left:
            if machine.platform.job(job_id).status == "ON_HOLD":
                machine.platform.release(job_id)
                machine.done["released"] += 1
        if time.monotonic() >= next_harm and len(left) > 3:
            next_harm = time.monotonic() + machine.dice.uniform(0.3 * PACE_S, 1.7 * PACE_S)
            machine.harm()
        threading.Event().wait(0.5)
    seconds = time.monotonic() - began
    attempts = sum(machine.platform.job(job_id).attempt for job_id in jobs)
    failed = _every_job_is_right(machine, jobs)
    machine.end()
    deadline = time.monotonic() + 30
    while left_over := machine.processes():
        assert time.monotonic() < deadline, left_over
        threading.Event().wait(0.5)
    print(f"\nseed {SEED}: {len(jobs)} jobs, {attempts} attempts, {failed} failed, in {seconds:.0f} s")
    print(f"the daemon's peak {machine.peak_bytes >> 20} MiB; {dict(sorted(machine.done.items()))}")
    assert machine.peak_bytes < 80 << 20


def _every_job_is_right(machine: Machine, jobs: list[str]) -> int:
    """How many jobs failed: rightly, if what makes their exports was harmed. Every object equals its row."""
    failed = 0
    for job_id in jobs:
        job = machine.platform.job(job_id)
        changes = [entry.event for entry in machine.platform.events(job_id) if isinstance(entry.event, StatusChanged)]
        assert sum(change.to_status in ENDED for change in changes) == 1, changes
        assets = machine.platform.assets(job_id)
        if job.status == "COMPLETED_SUCCESS":
            assert [(asset.name, asset.status) for asset in assets] == [(name, "UPLOADED") for name in OUTPUTS]
        else:
            assert job.status == "COMPLETED_ERRORS"
            assert job.status_details
            failed += 1
        for asset in assets:
            if asset.status == "UPLOADED":
                stored = machine.config.storage.local.root / asset.path.removeprefix("s3://")
                assert hashlib.sha256(stored.read_bytes()).hexdigest() == asset.details["sha256"], asset
                assert stored.stat().st_size == asset.details["size_bytes"]
    harmed = sum(count for what, count in machine.done.items() if what.endswith(("engine", "supervisor", "action")))
    assert failed <= harmed
    return failed
