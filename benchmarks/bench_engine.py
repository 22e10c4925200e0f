"""How long a step waits for the bridge: a no-op export on a warm engine, against openjd-adaptor-runtime's daemon.

Goal: at most a third of it, and at most 0.08 s. Then the seven exports of the demo in one warm session against one
engine start for each. Run with `make bench`, or `python benchmarks/bench_engine.py [RUNS]`. The peer gets a virtual
environment of its own (`.venv-adaptor`), and an adaptor that does nothing at all.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
OURS = Path(sys.executable).parent / "vstitcher-openjd"
PEER_VENV = ROOT / ".venv-adaptor"
PEER_PYTHON = PEER_VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
PEER = "openjd-adaptor-runtime==0.9.6"
GARMENT = ROOT / "examples" / "garments" / "tee.bw"
PRESETS = ("onboarding_v0", "techpack_v0")
MOST_PIXELS = 40_000

NOTHING = """
def export(request):
    part = request.part(request.name)
    with open(part, "w") as file:
        file.write("nothing")
    request.publish(part, request.name)
"""
PEER_ADAPTOR = """
from openjd.adaptor_runtime.adaptors import Adaptor, SemanticVersion

class NothingAdaptor(Adaptor):
    @property
    def integration_data_interface_version(self):
        return SemanticVersion(0, 1)

    def on_run(self, run_data):
        pass
"""
PEER_MAIN = """
import sys
from openjd.adaptor_runtime import EntryPoint
from .adaptor import NothingAdaptor

sys.exit(EntryPoint(NothingAdaptor).start())
"""


class Ours:
    """A session of vstitcher-openjd on the stand-in."""

    def __init__(self, root: Path, config: str) -> None:
        root.mkdir(parents=True, exist_ok=True)
        (root / "config.toml").write_text(config, encoding="utf-8")
        (root / "job.json").write_text(json.dumps({"garment_path": str(GARMENT)}), encoding="utf-8")
        self._root = root
        self._connection = ("--connection-file", str(root / "connection.json"))
        self._output = ("--output-dir", str(root / "output"))
        self._environment = {**os.environ, "OPENJD_VS_CONFIG": str(root / "config.toml")}

    def start(self) -> None:
        self._call(
            "start", *self._connection, *self._output, "--job", str(self._root / "job.json"), "--engine", "standin"
        )

    def run(self, run_data: Path) -> None:
        self._call("run", *self._connection, *self._output, "--run-data", f"file://{run_data}")

    def stop(self) -> None:
        self._call("stop", *self._connection)

    def _call(self, *arguments: str) -> None:
        subprocess.run([OURS, "daemon", *arguments], check=True, capture_output=True, env=self._environment)


def peer(root: Path) -> tuple[Callable[..., None], tuple[str, ...]]:
    """The peer's command, and the run's arguments; its daemon still has to be started."""
    if not PEER_PYTHON.exists():
        venv.create(PEER_VENV, with_pip=True)
    subprocess.run([PEER_PYTHON, "-m", "pip", "install", "--quiet", PEER], check=True)
    package = root / "nothing_adaptor"
    package.mkdir(parents=True)
    for name, text in {"__init__.py": "", "adaptor.py": PEER_ADAPTOR, "__main__.py": PEER_MAIN}.items():
        (package / name).write_text(text, encoding="utf-8")
    (package / "NothingAdaptor.json").write_text('{"log_level": "INFO"}', encoding="utf-8")
    (root / "run.json").write_text('{"frame": 1}', encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(root)}
    connection = ("--connection-file", str(root / "connection.json"))

    def call(*arguments: str) -> None:
        command = [PEER_PYTHON, "-m", "nothing_adaptor", "daemon", *arguments, *connection]
        subprocess.run(command, check=True, capture_output=True, env=environment)

    return call, ("run", "--run-data", f"file://{root / 'run.json'}")


def seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def no_op(root: Path, runs: int) -> None:
    extras = root / "extras"
    extras.mkdir()
    (extras / "nothing.py").write_text(NOTHING, encoding="utf-8")
    (extras / "nothing.schema.json").write_text("{}", encoding="utf-8")
    run_data = root / "nothing.json"
    export = {"type": "EXPORT", "export_type": "NOTHING", "output_file_name": "nothing.txt"}
    run_data.write_text(json.dumps({"mutations": [], "export": export}), encoding="utf-8")
    ours = Ours(root / "ours", f"[engine]\nextra_exports = {str(extras)!r}\n")
    call_peer, peer_run = peer(root / "peer")
    ours.start()
    call_peer("start", "--init-data", "{}")
    try:
        ours.run(run_data)
        call_peer(*peer_run)
        pairs = [(seconds(lambda: ours.run(run_data)), seconds(lambda: call_peer(*peer_run))) for _ in range(runs)]
    finally:
        ours.stop()
        call_peer("stop")
    mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(
        f"no-op on a warm engine: vstitcher-openjd daemon run {mine:.3f} s (goal: at most 0.08), "
        f"openjd-adaptor-runtime daemon run {theirs:.3f} s, ratio {ratio:.2f} (goal: at most 0.33)"
    )


def seven_exports(root: Path) -> None:
    steps = []
    for key in PRESETS:
        mutations: list[dict[str, object]] = []
        preset = json.loads((ROOT / "examples" / "presets" / f"{key}.json").read_text(encoding="utf-8"))
        for instruction in preset["details"]["instructions"]:
            if instruction["type"] == "MUTATION":
                mutations = [*mutations, instruction]
                continue
            step = root / f"step{len(steps)}.json"
            step.write_text(json.dumps({"mutations": mutations, "export": instruction}), encoding="utf-8")
            steps.append(step)
    ours = Ours(root / "seven", f"[engine]\nstandin_max_pixels = {MOST_PIXELS}\n")

    def warm() -> None:
        ours.start()
        for step in steps:
            ours.run(step)
        ours.stop()

    def cold() -> None:
        for step in steps:
            ours.start()
            ours.run(step)
            ours.stop()

    warm_s, cold_s = seconds(warm), seconds(cold)
    print(
        f"{len(steps)} exports of at most {MOST_PIXELS} pixels: one warm session {warm_s:.1f} s, "
        f"one engine start for each {cold_s:.1f} s, ratio {warm_s / cold_s:.2f}"
    )


def main(runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        no_op(Path(folder), runs)
        seven_exports(Path(folder))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
