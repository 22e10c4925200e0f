"""A machine with a daemon on the embedded platform, for tests with real processes."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from openjd_vstitcher.attempt.directory import AttemptDirectory
from openjd_vstitcher.config import Config, load_config
from openjd_vstitcher.daemon.worker import Worker
from openjd_vstitcher.documents import read_document
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.ports import Platform
from openjd_vstitcher.platform.values import Job, NewJob
from openjd_vstitcher.resources import resource

CONFIG = """
[platform]
path = "platform.sqlite"
[storage.local]
root = "storage"
[worker]
id = "w"
work_dir = "jobs"
lease_s = 8
[engine]
kind = "standin"
"""


class Farm:
    """A queue, and daemons on it."""

    def __init__(self, folder: Path, config: str = CONFIG) -> None:
        self.folder = folder
        self.configure(config)
        self.platform: Platform = open_platform(self.config.platform)
        stored = self.config.storage.local.root / "body-files" / "tee.bw"
        stored.parent.mkdir(parents=True)
        shutil.copyfile(resource("examples/garments/tee.bw"), stored)
        self.platform.put_preset(read_document(resource("examples/presets/dxf_v0.json")))

    def configure(self, text: str) -> None:
        (self.folder / "c.toml").write_text(text)
        self.config: Config = load_config(self.folder / "c.toml")

    def submit(self, preset: str = "dxf_v0", **details: Any) -> str:
        given = {"input_file_uri": "s3://body-files/tee.bw", "style_id": "s-1", **details}
        return self.platform.submit(NewJob("DXA_EXPORT_ASSET_BUNDLE", preset, given)).id

    def work(self, **worker: Any) -> int:
        config = dataclasses.replace(self.config, worker=dataclasses.replace(self.config.worker, **worker))
        return Worker(config, self.platform).run(once=True)

    @contextmanager
    def working(self, **worker: Any) -> Iterator[Worker]:
        """A daemon in a thread, which waits for jobs until the end of the block and then gives back what it holds."""
        config = dataclasses.replace(self.config, worker=dataclasses.replace(self.config.worker, **worker))
        daemon = Worker(config, self.platform)
        thread = threading.Thread(target=daemon.run)
        thread.start()
        try:
            yield daemon
            assert thread.is_alive()
        finally:
            daemon.stop()
            daemon.stop()
            thread.join(60)
        assert not thread.is_alive()

    def status(self, job_id: str) -> str:
        return self.platform.job(job_id).status

    def job(self, job_id: str) -> Job:
        return self.platform.job(job_id)

    def directory(self, job_id: str, attempt: int = 1) -> AttemptDirectory:
        return AttemptDirectory(self.config.worker.work_dir / f"{job_id}.{attempt}")

    def daemon(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "openjd_vstitcher.cli", "daemon", "--config", str(self.folder / "c.toml")],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def hanging_daemon(self, monkeypatch: pytest.MonkeyPatch) -> tuple[str, subprocess.Popen[str]]:
        """A job whose engine hangs, and the daemon that runs it."""
        flag = hang_once(self, monkeypatch)
        job_id = self.submit()
        daemon = self.daemon()
        wait_until(flag.exists)
        return job_id, daemon

    def processes(self) -> list[psutil.Process]:
        """All other processes that run for this farm: daemons, attempts, actions, engines."""
        return [process for process in psutil.process_iter() if self._owns(process)]

    def engines(self) -> list[psutil.Process]:
        return [process for process in self.processes() if "openjd_vstitcher.standin" in _command(process)]

    def _owns(self, process: psutil.Process) -> bool:
        try:
            return process.pid != os.getpid() and str(self.folder) in f"{process.cmdline()} {process.environ()}"
        except psutil.Error:
            return False

    def close(self) -> None:
        """Close the platform and end every process."""
        self.platform.close()
        for process in self.processes():
            with suppress(psutil.Error):
                process.kill()


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


LIMIT_S = 200.0 if sys.platform == "win32" else 60.0
"""Longer on Windows, because there that is Wine, where to start a process takes seconds."""


def wait_until(condition: Callable[[], object], timeout_s: float = LIMIT_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        threading.Event().wait(0.05)


@pytest.fixture
def farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Farm]:
    monkeypatch.setenv("OPENJD_VS_STANDIN_MAX_PIXELS", "2000")
    made = Farm(tmp_path)
    yield made
    made.close()


def hang_once(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The next engine hangs in its tech pack; the file that says that it does."""
    flag = farm.folder / "hangs"
    rule = {"what": "hang", "in": "GarmentTechpackExport", "once": str(flag)}
    monkeypatch.setenv("OPENJD_VS_STANDIN_MISBEHAVE", json.dumps(rule))
    return flag


@pytest.fixture
def scan(farm: Farm) -> Callable[[], str]:
    """Submits a job that takes a moment."""
    export = {"type": "EXPORT", "export_type": "SCAN", "output_file_name": "scan.json"}
    details = {"instructions": [export], "remote_destination": "s3://style-assets/"}
    farm.platform.put_preset({"key": "scan", "details": details})
    return lambda: farm.submit("scan")


@pytest.fixture
def python(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets a line of shell run at the start of every attempt's process."""

    def use(line: str) -> None:
        file = farm.folder / "python"
        file.write_text(f'#!/bin/sh\ncase "$*" in *run-job*) {line};; esac\nexec {sys.executable} "$@"\n')
        file.chmod(0o700)
        monkeypatch.setattr("openjd_vstitcher.daemon.process.sys.executable", str(file))

    return use
