"""Runs tests on the Windows Python under Wine and counts them: the unit tests in one process, other files one by one.

    python3.11 tools/windows/test.py                         # every file that `FILES` names
    python3.11 tools/windows/test.py tests/unit/test_names.py
    python3.11 tools/windows/test.py --sample                # a few minutes: what CI runs

Each run has a copy of the Wine prefix, so that whatever hangs in it can be ended without touching another run.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FILES = (
    "tests/unit/test_*.py",
    "tests/integration/test_attempt_*.py",
    "tests/integration/test_engine_*.py",
    "tests/integration/test_outputs_[cfs]*.py",
    "tests/integration/test_platform_embedded.py",
    "tests/integration/test_session_*.py",
    "tests/integration/test_signs_of_life.py",
    "tests/integration/test_staging.py",
    "tests/integration/test_standin_*.py",
    "tests/integration/test_windows_*.py",
    "tests/integration/test_worker.py",
    "tests/acceptance/test_render.py",
)
NOT_HERE = {"tests/unit/test_layout.py", "tests/unit/test_contributing.py"}
"""Tests of the checkout, which need the linters."""
SAMPLE = (
    "tests/unit/test_engine_log.py",
    "tests/unit/test_files.py",
    "tests/unit/test_journal.py",
    "tests/unit/test_names.py",
    "tests/unit/test_windows_access.py",
    "tests/integration/test_attempt_process.py",
    "tests/integration/test_session_runner.py",
    "tests/integration/test_windows_screen.py",
    "tests/acceptance/test_render.py::test_a_render_shows_what_it_makes",
)
LIMIT_S = 1500
"""For one file: Wine takes several times as long as Linux."""

_COUNT = re.compile(r"(\d+) (passed|failed|skipped|error)")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("files", nargs="*", help="test files; all of FILES without any")
    arguments.add_argument("--sample", action="store_true", help="run SAMPLE only")
    arguments.add_argument("-k", default="", help="as for pytest")
    chosen = arguments.parse_args()
    folder = subprocess.run([sys.executable, HERE / "install.py"], check=True, stdout=subprocess.PIPE, text=True).stdout
    patterns = chosen.files or (SAMPLE if chosen.sample else FILES)
    files = sorted({name for pattern in patterns for name in find(pattern)} - NOT_HERE)
    with tempfile.TemporaryDirectory(prefix="wine-") as scratch:
        prefix = Path(scratch, "prefix")
        shutil.copytree(Path(folder.strip(), "prefix"), prefix, symlinks=True)
        try:
            total = sum((run(names, prefix, chosen.k) for names in groups(files)), Counter())
        finally:
            end(prefix)
    print(" ".join(f"{total[word]} {word}," for word in ("passed", "failed", "skipped")).rstrip(","))
    sys.exit(1 if total["failed"] else 0)


def find(pattern: str) -> Iterator[str]:
    """The files that a pattern names; what follows `::` is kept."""
    path, colons, test = pattern.partition("::")
    for file in ROOT.glob(path):
        yield file.relative_to(ROOT).as_posix() + colons + test


def groups(names: list[str]) -> list[list[str]]:
    """The files that run in one process: all unit tests, because to start Python takes seconds here."""
    unit = [name for name in names if name.startswith("tests/unit/")]
    return ([unit] if unit else []) + [[name] for name in names if name not in unit]


def run(names: list[str], prefix: Path, expression: str) -> Counter[str]:
    """Run files in one process; print their line, and all output if a test failed."""
    title = names[0] if len(names) == 1 else f"{names[0].rpartition('/')[0]} ({len(names)} files)"
    options = [
        "-p",
        "no:cacheprovider",
        "-q",
        "-m",
        "not slow and not long",
        "--timeout=240",
        "--tb=short",
        "-k",
        expression,
    ]
    command = ["nice", "-n", "10", str(HERE / "run.sh"), "python", "-m", "pytest", *options, *names]
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"WINEPREFIX": str(prefix)},
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    try:
        output, _ = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        end(prefix)
        output, _ = process.communicate()
        output += f"\n1 failed: not finished after {LIMIT_S} s\n"
    counts = Counter({word: int(number) for number, word in _COUNT.findall(output.strip().rpartition("\n")[2])})
    counts["failed"] += counts.pop("error", 0)
    if process.returncode not in (0, 5) and not counts["failed"]:
        counts["failed"] += 1
    if counts["failed"]:
        print(output)
    shown = ", ".join(f"{number} {word}" for word, number in sorted(counts.items()) if number)
    print(f"{title:54} {shown or 'none':34} {time.monotonic() - started:5.0f} s", flush=True)
    return counts


def end(prefix: Path) -> None:
    """End every process of a prefix."""
    subprocess.run(["wineserver", "-k"], env=os.environ | {"WINEPREFIX": str(prefix)}, check=False)


if __name__ == "__main__":
    main()
