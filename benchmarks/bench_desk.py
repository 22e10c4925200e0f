"""How long no-op tasks take with `openjd-vs render`, against `openjd run` of the released tool on the same machine.

Goal: no longer than `openjd run`. Run with `python benchmarks/bench_desk.py [RUNS] [TASKS ...]`. Wall-clock time and
processor time are of the whole command. The versions of the model are printed: their imports take most of the time.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

OURS = Path(sys.executable).parent / "openjd-vs"
PEER = Path(__file__).parents[1] / ".venv-openjd" / "bin" / "openjd"
TEMPLATE = """\
specificationVersion: jobtemplate-2023-09
name: no-op
steps:
- name: s
  parameterSpace: {{taskParameterDefinitions: [{{name: N, type: INT, range: "1-{tasks}"}}]}}
  script: {{actions: {{onRun: {{command: "true"}}}}}}
"""


def seconds(*command: str | Path) -> tuple[float, float]:
    """Wall-clock and processor time of a command and its children."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, used


def model_version(command: Path) -> str:
    code = "import importlib.metadata; print(importlib.metadata.version('openjd-model'))"
    return subprocess.check_output([command.with_name("python"), "-c", code], text=True).strip()


def main(runs: int, counts: list[int]) -> None:
    print(f"openjd-model {model_version(OURS)} (ours), {model_version(PEER)} (openjd)")
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / "t.yaml"
        for tasks in counts:
            template.write_text(TEMPLATE.format(tasks=tasks), encoding="utf-8")
            pairs = [(seconds(OURS, "render", template), seconds(PEER, "run", template)) for _ in range(runs)]
            for index, what in enumerate(("wall", "processor")):
                ours, peer = (statistics.median(each[index] for each in column) for column in zip(*pairs, strict=True))
                print(f"{tasks} tasks, {what}: ours {ours:.2f} s, openjd {peer:.2f} s, ratio {ours / peer:.2f}")


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    main(numbers[0] if numbers else 5, numbers[1:] or [24, 480])
