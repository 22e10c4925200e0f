"""The HTTP API as a process, for tests: `openjd-vs serve` on a free port."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from openjd_vstitcher.config import load_config
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.ports import Platform
from openjd_vstitcher.resources import resource

COMMAND = Path(sys.executable).with_name("openjd-vs")
PRESET = json.loads(resource("examples/presets/onboarding_v0.json").read_text())
_LIMIT_S = 60.0


@dataclass
class ApiServer:
    """A server that listens.

    Parameters
    ----------
    config: its configuration file.
    """

    url: str
    config: Path
    process: subprocess.Popen[str]

    def client(self, **options: object) -> httpx.Client:
        """A client that waits long enough for a slow machine."""
        return httpx.Client(base_url=self.url, timeout=_LIMIT_S, **options)  # type: ignore[arg-type]

    def stop(self) -> int:
        """End it in order; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_LIMIT_S)


def embedded_config(directory: Path, more: str = "") -> Path:
    """A configuration file of an empty embedded platform.

    Parameters
    ----------
    more: further lines, which begin in the table [server].
    """
    file = directory / "config.toml"
    file.write_text(
        '[worker]\nwork_dir = "jobs"\n[platform]\npath = "platform.sqlite"\n[storage.local]\nroot = "storage"\n'
        '[engine]\nstandin_max_pixels = 4000\n[inputs]\nread_from = ["/"]\n'
        f'[server]\nstate_dir = "server"\nport = 0\n{more}'
    )
    return file


@contextlib.contextmanager
def api_server(config: Path) -> Iterator[ApiServer]:
    """A running server; it is ended at the end."""
    log = config.with_suffix(".log").open("w")
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [COMMAND, "serve", "--config", config], stdout=subprocess.PIPE, stderr=log, text=True, env=environment
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("serving on "), config.with_suffix(".log").read_text()
        yield ApiServer(line.split()[-1], config, process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(_LIMIT_S)
        process.stdout.close()
        log.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server on an empty embedded platform."""
    with api_server(embedded_config(tmp_path_factory.mktemp("api"))) as server:
        yield server


@pytest.fixture
def platform(server: ApiServer) -> Iterator[Platform]:
    """The server's platform, seen from another process, with `PRESET` and without waiting jobs of other tests."""
    platform = open_platform(load_config(server.config).platform)
    platform.put_preset(PRESET)
    for job in platform.jobs(limit=1000):
        if job.status not in ("COMPLETED_SUCCESS", "COMPLETED_ERRORS", "CANCELED", "IN_PROGRESS"):
            platform.request_cancel(job.id)
    yield platform
    platform.close()


@pytest.fixture
def api(server: ApiServer, platform: Platform) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@dataclass(frozen=True)
class Frame:
    """A server-sent event."""

    event: str
    data: Any
    id: str | None


@contextlib.contextmanager
def stream(client: httpx.Client, path: str, last_id: str | None = None) -> Iterator[Iterator[Frame]]:
    """The server-sent events of a path."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    with client.stream("GET", path, headers=headers) as answer:
        if answer.status_code != 200:
            answer.read()
            raise AssertionError(f"{answer.status_code}: {answer.text}")
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _frames(answer.iter_lines())


def _frames(lines: Iterator[str]) -> Iterator[Frame]:
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
        else:
            if "data" in fields:
                yield Frame(fields["event"], json.loads(fields["data"]), fields.get("id"))
            fields = {}
