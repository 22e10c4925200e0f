"""A session directory and commands on it, for tests that start engines."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from openjd_vstitcher.action_output import EVENT_PREFIX
from openjd_vstitcher.events import fact

ROOT = Path(__file__).parents[2]
_FAKE = Path(__file__).with_name("fake_engine.py")
FAKE_ENGINE = f"start_limit_s = 20\n[engine.command]\nstandin = [{sys.executable!r}, {str(_FAKE)!r}, '{{script}}']"
GARMENT = ROOT / "examples" / "garments" / "tee.bw"
DEADLINE_S = 20.0


def wait_until(condition: Callable[[], Any], what: str) -> None:
    """Wait for a condition that depends on another process."""
    deadline = time.monotonic() + DEADLINE_S
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"timed out waiting for {what}"
        pause.wait(0.02)


def exists(pid: int) -> bool:
    """True if there is a process with this id that is not a zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass
class Session:
    """A session directory and commands on it."""

    root: Path
    environment: dict[str, str]

    @property
    def connection_file(self) -> Path:
        return self.root / "connection.json"

    @property
    def output(self) -> Path:
        return self.root / "output"

    @property
    def connection(self) -> dict[str, Any]:
        return dict(json.loads(self.connection_file.read_text(encoding="utf-8")))

    def write(self, **job: Any) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "job.json").write_text(json.dumps({"garment_path": "/garments/tee.bw", **job}), "utf-8")

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "openjd_vstitcher.engine", "daemon", *arguments]

    def start(self, engine: str = "standin") -> subprocess.CompletedProcess[str]:
        return self._call(
            "start",
            *("--connection-file", str(self.connection_file), "--job", str(self.root / "job.json")),
            *("--engine", engine, "--output-dir", str(self.output)),
        )

    def stop(self) -> subprocess.CompletedProcess[str]:
        return self._call("stop", "--connection-file", str(self.connection_file))

    def run(self, export: dict[str, Any], *options: str, mutations: Any = ()) -> subprocess.CompletedProcess[str]:
        return self._call(*self.run_arguments(export, *options, mutations=mutations))

    def run_arguments(self, export: dict[str, Any], *options: str, mutations: Any = ()) -> list[str]:
        data = self.root / f"run-{export.get('output_file_name')}.json"
        data.write_text(json.dumps({"instruction": 0, "mutations": list(mutations), "export": export}), "utf-8")
        fixed = ["--connection-file", str(self.connection_file), "--run-data", f"file://{data}"]
        return ["run", *fixed, "--output-dir", str(self.output), *options]

    def begin(self, export: dict[str, Any], *options: str) -> subprocess.Popen[str]:
        """Start an export without waiting for it."""
        command = self.command(*self.run_arguments(export, *options))
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=self.environment)

    def _call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), capture_output=True, text=True, env=self.environment, timeout=90, check=False
        )


def processes_of(session: Session) -> list[int]:
    """The running processes of a session: those whose command or environment contains its directory (Linux)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            text = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            if os.fsencode(session.root) + b"/" in text and exists(int(folder.name)):
                found.append(int(folder.name))
    return found


def export(name: str = "front.png", **fields: Any) -> dict[str, Any]:
    return {"type": "EXPORT", "export_type": "MEDIA_RENDER", "output_file_name": name, "dpi": 10, **fields}


def events(output: str) -> list[dict[str, Any]]:
    lines = [line.removeprefix(EVENT_PREFIX) for line in output.splitlines() if line.startswith(EVENT_PREFIX)]
    assert not [line for line in lines if fact(line) is None], "the journal would not take these"
    return [json.loads(line) for line in lines]


def written_pid(path: Path) -> int:
    wait_until(lambda: path.exists() and path.read_text(encoding="ascii"), f"the process id in {path.name}")
    return int(path.read_text(encoding="ascii"))


def started(session: Session) -> tuple[int, int]:
    """Start a session; the process ids of its supervisor and its engine."""
    result = session.start()
    assert result.returncode == 0, result.stdout + result.stderr
    return session.connection["supervisor_pid"], written_pid(Path(session.environment["FAKE_ENGINE_PID"]))


@contextlib.contextmanager
def opened(tmp_path: Path, engine: str, **environment: str) -> Iterator[Session]:
    """A session's directory with a configuration whose `[engine]` table holds `engine`; stopped at the end."""
    tmp_path.mkdir(exist_ok=True)
    config = tmp_path / "config.toml"
    config.write_text(f"[engine]\n{engine}\n", encoding="utf-8")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OPENJD_VS_")}
    made = Session(tmp_path / "session", {**inherited, "OPENJD_VS_CONFIG": str(config), **environment})
    made.write()
    try:
        yield made
    finally:
        made.stop()
