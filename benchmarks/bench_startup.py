"""How long `openjd-vs --help` takes, against `openjd --help` of the released tool on the same machine.

Goal: at most a fifth of it. Run with `make bench`, or `python benchmarks/bench_startup.py [RUNS]`.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

OURS = [str(Path(sys.executable).parent / "openjd-vs"), "--help"]
PEER = [str(Path(__file__).parents[1] / ".venv-openjd" / "bin" / "openjd"), "--help"]


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - started


def main(runs: int) -> None:
    seconds(OURS), seconds(PEER)
    pairs = [(seconds(OURS), seconds(PEER)) for _ in range(runs)]
    ours, peer = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"openjd-vs --help {ours:.3f} s, openjd --help {peer:.3f} s, ratio {ratio:.2f} (goal: at most 0.20)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
