"""Puts small faults into the code, one at a time, and says which of them no test catches. Run with `make mutants`.

    python tools/mutants.py [--count 300] [--seed 1] [--package NAME ...] [--jobs 2] [--again] [--also TEST ...]

First the fast tests run once, under coverage, which records the tests that run each line, also in the processes that
they start. Then each fault is put into a copy of the checkout, and the tests that run its line are run, until one
fails: first those that are quick and run little else. The sample is the same for the same seed and the same code.

Measurement and results are kept in `--data`, by default `openjd-vs-mutants` in the temporary directory: a second run
goes on where the first one stopped, and `--measure` begins anew. To see whether a new test catches what survived, give
`--again --also TEST`; `--again --budget 1000` tries it with more of the tests that run its line.
`tools/mutants_equivalent.txt` lists changes that make no difference, with the reason.

Coverage does not see what the actions of a queued job run, because they inherit no variable that it needs (Law 5), nor
what a killed process ran. Each fault is tried in a fork of a process that has the third-party packages loaded.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import importlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psutil
import pytest
from coverage import CoverageData
from faults import Fault, faults, put

ROOT = Path(__file__).parents[1]
PACKAGES = ("attempt", "daemon", "outputs", "platform", "session", "storage")
EQUIVALENT = Path(__file__).with_name("mutants_equivalent.txt")
FAST = ("-m", "not slow and not long")
_PRELOADED = (
    "hypothesis",
    "boto3",
    "openjd.model",
    "openjd.sessions",
    "gql",
    "aiohttp",
    "psycopg",
    "jsonschema",
    "jwt",
)
_MARK = "OPENJD_VS_MUTANT"
"""Names the fault to all processes that its tests start, so that what is left of them can be ended."""
_SETTINGS = """
[run]
source_pkgs = {packages}
relative_files = true
parallel = true
data_file = {data}
context = ${{PYTEST_CURRENT_TEST-}}
sigterm = true
disable_warnings = no-data-collected, module-not-imported, module-not-measured, already-imported
"""


@dataclass(frozen=True)
class Result:
    """What became of a fault: `caught` (by a test, or because it hung), `survived` or `not covered`."""

    fault: str
    outcome: str
    by: str = ""
    ran: str = ""


class Measurement:
    """Which tests run which line, and how long each takes."""

    def __init__(self, data: Path, known: set[str]) -> None:
        self._data = CoverageData(str(data / "coverage"))
        self._data.read()
        self._tests = {file: self._by_line(file) for file in self._data.measured_files()}
        self._lines: dict[str, collections.Counter[str]] = {}
        """By file: how many of its lines each test runs."""
        self._all_lines: collections.Counter[str] = collections.Counter()
        for file, by_line in self._tests.items():
            self._lines[file] = collections.Counter(test for tests in by_line.values() for test in tests)
            self._all_lines.update(self._lines[file])
        self.seconds: collections.Counter[str] = collections.Counter()
        failed = set()
        for text in (data / "times").read_text(encoding="utf-8").splitlines():
            entry = json.loads(text)
            self.seconds[entry["test"]] += entry["seconds"]
            failed |= {entry["test"]} if entry["failed"] else set()
        self._usable = known & self.seconds.keys() - failed

    def _by_line(self, file: str) -> dict[int, set[str]]:
        return {
            line: {re.sub(r" \((setup|call|teardown)\)$", "", context) for context in contexts}
            for line, contexts in self._data.contexts_by_lineno(file).items()
        }

    def tests(self, fault: Fault) -> list[str]:
        """The tests that run a fault's lines, first those that are quick and run little else than its module."""
        by_line = self._tests.get(fault.file, {})
        lines = by_line if fault.at_import else fault.lines
        found = set().union(*(by_line.get(line, ()) for line in lines)) & self._usable
        own, everything = self._lines.get(fault.file, {}), self._all_lines
        return sorted(found, key=lambda test: (self.seconds[test] * everything[test] / own[test], test))


def measure(checkout: Path, data: Path, jobs: int) -> None:
    """Run the fast tests in a checkout under coverage."""
    settings = data / "settings"
    names = " ".join(f"\n    openjd_vstitcher.{package}" for package in PACKAGES)
    settings.write_text(_SETTINGS.format(packages=names, data=data / "coverage"), encoding="utf-8")
    variables = {"COVERAGE_PROCESS_START": str(settings), "TEST_TIMES": str(data / "times")}
    paths = f"{checkout}{os.pathsep}{checkout / 'tools'}"
    environment = {**os.environ, **variables, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    options = ("-q", "-p", "no:cacheprovider", "-p", "coverage_contexts", "--timeout=400", "-n", str(2 * jobs))
    # Tests that fail here are not used; the run is slower than a usual one.
    subprocess.run([sys.executable, "-m", "pytest", *options, *FAST], cwd=checkout, env=environment, check=False)
    subprocess.run(
        [sys.executable, "-m", "coverage", "combine", "-q", f"--rcfile={settings}"], cwd=checkout, check=True
    )
    (data / "digest").write_text(_digest(), encoding="utf-8")


def _digest() -> str:
    """Changes when the code under test does."""
    files = sorted(path for package in PACKAGES for path in (ROOT / "openjd_vstitcher" / package).rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def copy(target: Path) -> Path:
    """A copy of the checkout without its environments; the released OpenJD tool is shared."""
    ignored = shutil.ignore_patterns(".git", ".venv*", ".hypothesis", ".*_cache", "demo", "*.pyc")
    shutil.copytree(ROOT, target, ignore=ignored)
    if (ROOT / ".venv-openjd").exists():
        (target / ".venv-openjd").symlink_to(ROOT / ".venv-openjd")
    return target


def known_tests() -> set[str]:
    """The fast tests as they are now."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *FAST]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = {line for line in listed.stdout.splitlines() if "::" in line}
    if listed.returncode:
        raise SystemExit(f"the tests cannot be collected:\n{listed.stdout}{listed.stderr}")
    return found


class _Watch:
    """A pytest plugin that notes the first failure."""

    def __init__(self, note: Path) -> None:
        self._note = note

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self._note.exists():
            self._note.write_text(report.nodeid, encoding="utf-8")


def run_tests(tests: list[str], checkout: Path, limit_s: float) -> tuple[int | None, str]:
    """Run tests until one fails, in a fork of this process. Returns pytest's exit code (None: they hung) and which."""
    note = checkout / ".failed"
    note.unlink(missing_ok=True)
    mark = f"{checkout}-{time.monotonic()}"
    pid = os.fork()
    if pid == 0:
        _run_here(tests, checkout, note, mark)
    ended = _wait(pid, time.monotonic() + limit_s)
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid == pid or process.environ().get(_MARK) == mark:
                process.kill()
    if ended is None:
        os.waitpid(pid, 0)
    return ended, note.read_text(encoding="utf-8") if note.exists() else ""


def _run_here(tests: list[str], checkout: Path, note: Path, mark: str) -> None:
    """The forked process: it never returns."""
    code = 70
    try:
        os.setsid()
        os.chdir(checkout)
        os.environ.update({_MARK: mark, "PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1"})
        sys.dont_write_bytecode = True
        sys.path.insert(0, str(checkout))
        with (checkout / ".output").open("wb") as output:
            for descriptor in (1, 2):
                os.dup2(output.fileno(), descriptor)
        options = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", f"--basetemp={checkout}-tmp"]
        code = int(pytest.main([*options, *FAST, *tests], plugins=[_Watch(note)]))
    finally:
        os._exit(code)


def _wait(pid: int, until_s: float) -> int | None:
    """The exit code of a child, None if it has none in time."""
    while time.monotonic() < until_s:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    return None


def attempt(
    fault: Fault, tests: list[str], also: list[str], seconds: Mapping[str, float], checkout: Path, budget_s: float
) -> Result:
    """Try a fault in a checkout."""
    chosen, left_s = [], budget_s
    for test in tests:
        left_s -= seconds[test]
        if left_s >= 0 or not chosen:
            chosen.append(test)
    if not chosen and not also:
        return Result(str(fault), "not covered")
    limit_s = 60 + 5 * sum(seconds[test] for test in chosen) + 60 * len(also)
    source = put(fault, checkout)
    try:
        code, failed = run_tests([*also, *chosen], checkout, limit_s)
    finally:
        (checkout / fault.file).write_text(source, encoding="utf-8")
    ran = f"{len(chosen)} of {len(tests)} tests"
    if code == pytest.ExitCode.OK:
        return Result(str(fault), "survived", ran=ran)
    if code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED) and not failed:
        output = (checkout / ".output").read_text(encoding="utf-8", errors="replace")
        if "ImportError" not in output:
            raise SystemExit(f"the tests of {fault} cannot be run:\n{output[-3000:]}")
    return Result(str(fault), "caught", failed or ("hangs" if code is None else f"ends with {code}"), ran)


def equivalent() -> set[str]:
    """The changes that make no difference."""
    lines = EQUIVALENT.read_text(encoding="utf-8").splitlines()
    return {line.partition("  # ")[0].strip() for line in lines if line and not line.startswith("#")}


def sample(packages: list[str], count: int, seed: int) -> list[Fault]:
    """A seeded sample of faults, spread over the packages as their code is."""
    same = equivalent()
    found = [
        fault
        for package in packages
        for path in sorted((ROOT / "openjd_vstitcher" / package).rglob("*.py"))
        for fault in faults(ROOT, path.relative_to(ROOT).as_posix())
        if fault.change not in same
    ]
    return random.Random(seed).sample(found, min(count, len(found)))


def results(file: Path) -> dict[str, Result]:
    """What earlier runs found, by fault."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {result.fault: result for result in (Result(**json.loads(line)) for line in lines)}


class _Trials:
    """What a worker process needs: its checkout, and the tests that it may run."""

    checkout: Path
    measured: Measurement
    also: list[str]
    budget_s: float

    @classmethod
    def prepare(cls, folder: Path, data: Path, known: set[str], also: list[str], budget_s: float) -> None:
        cls.checkout = copy(folder / str(os.getpid()))
        cls.measured = Measurement(data, known)
        cls.also, cls.budget_s = also, budget_s
        for name in _PRELOADED:
            importlib.import_module(name)

    @classmethod
    def attempt(cls, fault: Fault) -> Result:
        tests = cls.measured.tests(fault)
        return attempt(fault, tests, cls.also, cls.measured.seconds, cls.checkout, cls.budget_s)


def try_all(given: Any, chosen: list[Fault], folder: Path) -> None:
    """Try the faults that have no result yet and write down what became of each."""
    file = given.data / "results"
    before = results(file)
    done = {name for name, result in before.items() if result.outcome == "caught" or not given.again}
    arguments = (folder, given.data, known_tests(), given.also, given.budget)
    with ProcessPoolExecutor(given.jobs, get_context("fork"), _Trials.prepare, arguments) as pool:
        trials = [pool.submit(_Trials.attempt, fault) for fault in chosen if str(fault) not in done]
        for trial in as_completed(trials):
            result = trial.result()
            with file.open("a", encoding="utf-8") as out:
                out.write(json.dumps(vars(result)) + "\n")
            print(f"{result.outcome:11} {result.fault}  [{result.by or result.ran}]", flush=True)


def main() -> None:
    """Try a sample of faults and print those that no test catches."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--package", action="append", choices=PACKAGES)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "openjd-vs-mutants")
    parser.add_argument("--measure", action="store_true", help="measure again which tests run which line")
    parser.add_argument("--also", action="append", default=[], help="a test to run against every fault that is tried")
    parser.add_argument("--again", action="store_true", help="try again what was not caught")
    parser.add_argument(
        "--budget", type=float, default=120.0, help="most seconds of tests against one fault, as measured"
    )
    parser.add_argument("--list", action="store_true", help="only print the sample")
    given = parser.parse_args()
    chosen = sample(given.package or list(PACKAGES), given.count, given.seed)
    if given.list:
        print(*chosen, sep="\n")
        return
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        if given.measure or not (given.data / "digest").exists():
            shutil.rmtree(given.data, ignore_errors=True)
            given.data.mkdir(parents=True)
            measure(copy(Path(folder) / "measured"), given.data, given.jobs)
        if (given.data / "digest").read_text(encoding="utf-8") != _digest():
            raise SystemExit("the code has changed since the coverage was measured: run this again with --measure")
        try_all(given, chosen, Path(folder))
    known = results(given.data / "results")
    counted = collections.Counter(known[str(fault)].outcome for fault in chosen)
    print(f"\n{counted['caught']} of {len(chosen)} faults were caught (seed {given.seed}); not caught:")
    for fault in chosen:
        if known[str(fault)].outcome != "caught":
            print(f"{known[str(fault)].outcome} ({known[str(fault)].ran}) {fault}\n    {fault.change}")


if __name__ == "__main__":
    main()
