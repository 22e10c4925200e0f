"""A stranger's game: hostile jobs through the whole way, from `submit` or a bare row to their end. `make game`.

Set GAME_EXAMPLES and GAME_SEED to change the game; a run prints its figures.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from openjd_vstitcher.attempt.directory import AttemptDirectory
from openjd_vstitcher.attempt.lock import is_held
from openjd_vstitcher.config import load_config
from openjd_vstitcher.errors import OpenjdVsError
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.values import ENDED, Job, NewJob
from openjd_vstitcher.standin.bw_format import write_bw
from openjd_vstitcher.standin.model import Colorway, Garment, Line, Shape, Size, Snapshot
from openjd_vstitcher.submission import Request, submit

from .strangers import CODE, GAMES, VARIABLE, Game, filled

pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]

EXAMPLES = int(os.environ.get("GAME_EXAMPLES", "200"))
SEED = int(os.environ.get("GAME_SEED", "1"))
AT_ONCE = 4
"""How many jobs of an example are in the queue together."""
END_LIMIT_S = 900.0
MOST_MEMORY = 1 << 30
MOST_DAEMON_MEMORY = 150 << 20
MOST_DISK = 2 << 30
ZEROS = 600 << 20
CONFIG = """
[platform]
path = "platform.sqlite"
[storage]
write_to = ["s3://style-assets/"]
[storage.local]
root = "storage"
[inputs]
read_from = ["s3://stranger/", "s3://body-files/"]
cache_dir = "cache"
max_bytes = 50_000_000
max_total_bytes = 100_000_000
[worker]
id = "w"
work_dir = "jobs"
slots = 2
lease_s = 120
poll_s = 1
min_free_bytes = 0
[outputs]
keep_done_days = 0
[engine]
kind = "standin"
export_limit_s = 120
[engine.command]
standin = [ENGINE, "{script}"]
"""
ENGINE = """#!/bin/sh
cat SAYS
cat SAYS >&2
exec PYTHON -m openjd_vstitcher.standin "$@"
"""


class Machine:
    """A worker's machine, what a stranger may not touch beside it, and what is seen of its processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "machine"
        self.outside = folder / "outside"
        self.proof = folder / "proof"
        self.says = folder / "says"
        self.secret = secrets.token_hex(16)
        self.figures: Counter[str] = Counter()
        self.faults: list[str] = []
        self.waiting: dict[str, Game] = {}
        self._closed = threading.Event()
        self.home.mkdir()
        self.outside.mkdir()
        (self.outside / "secret.txt").write_text(self.secret)
        self.says.write_bytes(b"")
        engine = folder / "engine"
        engine.write_text(ENGINE.replace("SAYS", str(self.says)).replace("PYTHON", sys.executable))
        engine.chmod(0o755)
        (self.home / "c.toml").write_text(CONFIG.replace("ENGINE", json.dumps(str(engine))))
        self.config = load_config(self.home / "c.toml")
        self.storage = self.config.storage.local.root
        self.platform = open_platform(self.config.platform)
        self.daemon = subprocess.Popen(
            [sys.executable, "-m", "openjd_vstitcher.cli", "daemon", "--config", str(self.home / "c.toml")],
            stdout=(folder / "daemon.log").open("wb"),
            stderr=subprocess.STDOUT,
            cwd=self.home,
        )
        self._watching = threading.Thread(target=self._watch, daemon=True)
        self._watching.start()

    def close(self) -> None:
        self._closed.set()
        self._watching.join()
        self.daemon.terminate()
        self.daemon.wait(120)
        self.platform.close()

    def play(self, game: Game) -> None:
        """Put a job into the queue, which may refuse it."""
        self.figures["games"] += 1
        number = str(self.figures["games"])
        places = {"@PROOF@": str(self.proof), "@OUTSIDE@": str(self.outside), "@GAME@": number}
        self._place(game, self.storage / "stranger" / number, places)
        with self.says.open("wb") as file:
            file.write(filled(game.engine, places).encode("utf-8", "surrogatepass"))
        row = {"key": f"p-{number}", "job_type": "TEST", "details": filled(game.preset, places)}
        details = filled(game.details, places)
        try:
            if game.validated:
                files = {name: self.folder / f"{number}.{name}.json" for name in ("preset", "details")}
                files["preset"].write_text(json.dumps(row))
                files["details"].write_text(json.dumps(details))
                job = submit(self.platform, Request(str(files["preset"]), files["details"]))
            else:
                self.platform.put_preset({"name": "p", "version": 0, **row})
                job = self.platform.submit(NewJob("TEST", row["key"], details))
        except (OpenjdVsError, RecursionError) as refusal:
            if game.validated and isinstance(refusal, RecursionError):
                raise
            self.figures["refused by submit" if game.validated else "refused by the queue"] += 1
        else:
            self.waiting[job.id] = game

    def settle(self) -> None:
        """Wait until the jobs have ended, and check that they did no harm."""
        for job_id, game in self.waiting.items():
            job = self.await_end(job_id)
            self.figures[f"job: {_how(job)}"] += 1
            assert "internal error" not in str(job.status_details), (job.status_details, game)
            staged = {entry.fields["sha256"] for entry in self.platform.events(job_id) if entry.name == "staged"}
            assert hashlib.sha256(self.secret.encode()).hexdigest() not in staged, f"it read what is outside: {game}"
            self.figures["inputs staged"] += len(staged)
            if job.status not in ENDED:
                self.platform.request_cancel(job_id)
        for job_id in self.waiting:
            job = self.platform.job(job_id)
            assert job.status in ENDED
            self.await_rest(AttemptDirectory(self.config.worker.work_dir / f"{job_id}.{job.attempt}"))
        self.check()
        shutil.rmtree(self.storage / "stranger", ignore_errors=True)
        self.waiting.clear()

    def await_end(self, job_id: str) -> Job:
        """The job when it has ended, or has come back because of something that its machine lacks."""
        deadline = time.monotonic() + END_LIMIT_S
        while True:
            assert self.daemon.poll() is None, (self.folder / "daemon.log").read_text()[-4000:]
            job = self.platform.job(job_id)
            if job.status in ENDED or job.status == "ON_HOLD" or (job.status == "NEW" and job.returns):
                return job
            assert time.monotonic() < deadline, job
            threading.Event().wait(0.2)

    def await_rest(self, directory: AttemptDirectory) -> None:
        """Wait until no process works on an attempt; each ends soon after it has reported."""
        deadline = time.monotonic() + END_LIMIT_S
        while is_held(directory):
            assert time.monotonic() < deadline, directory
            threading.Event().wait(0.2)

    def check(self) -> None:
        """Nothing ran, was set, read, or written where it should not be, and nothing grows."""
        assert not self.proof.exists(), f"it ran: {self.proof.read_text()}"
        assert self.faults == []
        assert [entry.name for entry in self.outside.iterdir()] == ["secret.txt"]
        assert (self.outside / "secret.txt").read_text() == self.secret
        assert {entry.name for entry in self.home.iterdir()} <= {
            *("c.toml", "storage", "jobs", "cache", "platform.sqlite", "platform.sqlite-wal", "platform.sqlite-shm")
        }
        assert {entry.name for entry in self.storage.iterdir()} <= {"stranger", "style-assets", ".locks"}
        used = 0
        for path in self.home.rglob("*"):
            found = path.lstat()
            if stat.S_ISREG(found.st_mode):
                used += found.st_blocks * 512
                if found.st_size < 20 << 20:
                    assert self.secret.encode() not in path.read_bytes(), path
        self.figures["most disk, MiB"] = max(self.figures["most disk, MiB"], used >> 20)
        assert used < MOST_DISK
        assert self.figures["most memory of the daemon, MiB"] < MOST_DAEMON_MEMORY >> 20
        assert self.figures["most memory of another process, MiB"] < MOST_MEMORY >> 20

    def _place(self, game: Game, folder: Path, places: dict[str, str]) -> None:
        (folder / "art").mkdir(parents=True)
        (folder / "link").symlink_to(self.outside / "secret.txt")
        os.mkfifo(folder / "pipe")
        with (folder / "zeros").open("wb") as file:
            file.truncate(ZEROS)
        write_bw(_garment(*(filled(text, places) for text in game.garment)), folder / "garment.bw")
        content = bytearray((folder / "garment.bw").read_bytes())
        for at, value in game.edits:
            content[at % len(content)] = value
        (folder / "garment.bw").write_bytes(content)
        for name in game.artworks:
            with contextlib.suppress(OSError, ValueError):
                (folder / "art" / filled(name, places).replace("/", "")).write_text(filled(CODE, places))

    def _watch(self) -> None:
        """Look at every process of this machine: its environment, and its memory."""
        while not self._closed.wait(0.3):
            for process in psutil.process_iter():
                with contextlib.suppress(psutil.Error):
                    if process.pid == os.getpid() or not self._is_ours(process):
                        continue
                    if VARIABLE in process.environ():
                        self.faults.append(f"{VARIABLE} is set in {process.cmdline()}")
                    role = "the daemon" if process.pid == self.daemon.pid else "another process"
                    name = f"most memory of {role}, MiB"
                    self.figures[name] = max(self.figures[name], process.memory_info().rss >> 20)

    def _is_ours(self, process: psutil.Process) -> bool:
        said = " ".join(process.cmdline())
        return str(self.folder) in said or ("standin" in said and str(self.folder) in str(process.environ()))


def _garment(name: str, colorway: str, shape: str, snapshot: str) -> Garment:
    texts = [text.encode("utf-8", "replace").decode() for text in (name, colorway, shape, snapshot)]
    return Garment(
        texts[0],
        [Shape(1, texts[2], 1, edges=[Line(1, texts[2], "line", [(0.0, 0.0), (1.0, 0.0)])])],
        [Colorway(1, texts[1], {1: {"name": texts[2], "color": "#112233"}})],
        sizes=[Size(1, texts[0])],
        snapshots=[Snapshot("1", texts[3], 1, 1)],
        info={texts[1] or "x": texts[3]},
    )


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENJD_VS_STANDIN_MAX_PIXELS", "2000")
        patch.setenv("A_SECRET_TOKEN", "hidden")
        made = Machine(tmp_path_factory.mktemp("game"))
        yield made
        made.close()
    print(f"\nseed {SEED}: {dict(sorted(made.figures.items()))}")


def test_no_job_of_a_stranger_does_harm(machine: Machine) -> None:
    @seed(SEED)
    @given(GAMES)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def play(game: Game) -> None:
        machine.play(game)
        if len(machine.waiting) >= AT_ONCE:
            machine.settle()

    play()
    machine.settle()
    ended = {name: count for name, count in machine.figures.items() if name.startswith("job: ")}
    assert ended["job: COMPLETED_SUCCESS"] > EXAMPLES // 20, "hardly any game gets far"


def _how(job: Job) -> str:
    if job.status == "COMPLETED_ERRORS":
        stages = {str(error.get("stage") or error.get("environment") or "step") for error in job.errors}
        return f"failed in {', '.join(sorted(stages))[:60]}"
    return job.status if job.status in ENDED else f"came back: {str(job.status_details)[:60]}"
