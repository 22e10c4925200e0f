"""The HTTP API as a process, for tests: `openjd-vs serve` on a free port."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

COMMAND = Path(sys.executable).with_name("openjd-vs")
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
