"""Puts small faults into the code, one at a time, and says which of them no test notices. Run with `make mutants`.

    python tools/mutants.py [--count 300] [--seed 1] [--package NAME ...] [--jobs 2] [--list]

Each fault changes one place: a comparison, a condition, a number, a call whose result is not used, a returned value. It
is put into a copy of the checkout, and the tests that are about its package run against it until the first one fails.
The sample is the same for the same seed and the same code.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).parents[1]
PACKAGE = "openjd_vstitcher"
TESTS = {
    "attempt": (
        *("unit/test_lease.py", "unit/test_status.py", "unit/test_outputs_retention.py"),
        *("integration/test_attempt_process.py", "integration/test_worker.py", "integration/test_attempt_alone.py"),
        *("integration/test_outputs_command.py", "acceptance/test_render.py"),
    ),
    "daemon": (
        *("unit/test_supervision.py", "integration/test_attempt_process.py"),
        *("integration/test_worker.py", "integration/test_attempt_alone.py"),
    ),
    "session": ("unit/test_plan.py", "unit/test_events.py", "integration/test_session_runner.py"),
    "outputs": (
        *("unit/test_outputs_ledger.py", "integration/test_outputs_sync.py"),
        *("integration/test_outputs_faults.py", "integration/test_outputs_command.py"),
    ),
    "storage": (
        *("unit/test_storage_address.py", "unit/test_storage_local.py", "unit/test_storage_inputs.py"),
        *("unit/test_storage_cache.py", "unit/test_storage_pace.py", "contract/storage"),
        *("integration/test_storage_s3.py", "integration/test_storage_download.py", "integration/test_staging.py"),
    ),
    "platform": (
        *("unit/test_platform_credentials.py", "unit/test_platform_queries.py", "unit/test_platform_refusals.py"),
        *("contract", "integration/test_platform_embedded.py", "integration/test_platform_faults.py"),
    ),
}
"""The tests about each package, the quickest first."""
TEST_LIMIT_S = 420

_SWAPPED: dict[type, type] = {
    **{
        ast.Eq: ast.NotEq,
        ast.NotEq: ast.Eq,
        ast.Is: ast.IsNot,
        ast.IsNot: ast.Is,
        ast.In: ast.NotIn,
        ast.NotIn: ast.In,
    },
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.And: ast.Or, ast.Or: ast.And},
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv},
}


@dataclass(frozen=True)
class Fault:
    """One change: the place and what stands there before and after."""

    file: Path
    line: int
    column: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.before}  →  {self.after}"


def faults(file: Path) -> Iterator[Fault]:
    """Every fault that this tool can put into a module, in the order of the source."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    docstrings = {id(node.body[0]) for node in ast.walk(tree) if isinstance(node, _WITH_BODY) and node.body}
    for node in ast.walk(tree):
        place: ast.AST = node.test if isinstance(node, ast.If) else node
        for changed in _changes(node, docstrings):
            yield Fault(file, place.lineno, place.col_offset, ast.unparse(place), ast.unparse(changed))  # type: ignore[attr-defined]


_WITH_BODY = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _changes(node: ast.AST, docstrings: set[int]) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(left, [operator], comparators) if type(operator) in _SWAPPED:
            yield ast.Compare(left, [_SWAPPED[type(operator)]()], comparators)
        case ast.BoolOp(operator, values):
            yield ast.BoolOp(_SWAPPED[type(operator)](), values)
        case ast.BinOp(left, operator, right) if type(operator) in _SWAPPED and not _is_text(left, right):
            yield ast.BinOp(left, _SWAPPED[type(operator)](), right)
        case ast.UnaryOp(ast.Not(), operand):
            yield operand
        case ast.If(test):
            yield ast.UnaryOp(ast.Not(), test)
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(int() as value):
            yield ast.Constant(value + 1)
        case ast.Expr(ast.Call()) if id(node) not in docstrings:
            yield ast.Pass()
        case ast.Return(value) if value is not None and not (isinstance(value, ast.Constant) and value.value is None):
            yield ast.Return(ast.Constant(None))


def _is_text(*nodes: ast.AST) -> bool:
    return any(isinstance(node, ast.JoinedStr | ast.List | ast.Tuple | ast.Dict) for node in nodes) or any(
        isinstance(node, ast.Constant) and isinstance(node.value, str) for node in nodes
    )


def sample(packages: list[str], count: int, seed: int) -> list[Fault]:
    """A seeded sample of faults, spread over the packages as their code is."""
    found = [
        fault
        for package in packages
        for path in sorted((ROOT / PACKAGE / package).rglob("*.py"))
        for fault in faults(path.relative_to(ROOT))
        if "_log." not in fault.before
    ]
    return random.Random(seed).sample(found, min(count, len(found)))


def put(fault: Fault, checkout: Path) -> str:
    """Put a fault into a checkout; the text that stood there."""
    file = checkout / fault.file
    source = file.read_text(encoding="utf-8")
    tree = ast.parse(source)
    for node in ast.walk(tree):
        place = (getattr(node, "lineno", 0), getattr(node, "col_offset", -1))
        if place == (fault.line, fault.column) and ast.unparse(node) == fault.before:
            lines = source.splitlines(keepends=True)
            end = node.end_lineno  # type: ignore[attr-defined]
            first, last = lines[fault.line - 1], lines[end - 1]
            head = first.encode()[: fault.column].decode()
            tail = last.encode()[node.end_col_offset :].decode()  # type: ignore[attr-defined]
            text = fault.after.replace("\n", "\n" + " " * fault.column)
            expression = isinstance(node, ast.expr)
            lines[fault.line - 1 : end] = [head + (f"({text})" if expression else text) + tail]
            file.write_text("".join(lines), encoding="utf-8")
            return source
    raise AssertionError(f"the place is gone: {fault}")


def is_noticed(fault: Fault, checkout: Path) -> bool:
    """Whether a test fails with the fault in a checkout; hanging counts as failing."""
    tests = [str(Path("tests") / name) for name in TESTS[fault.file.parts[1]]]
    source = put(fault, checkout)
    environment = {**os.environ, "PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-m", "not slow", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(
            command, cwd=checkout, env=environment, capture_output=True, check=False, timeout=TEST_LIMIT_S
        )
    except subprocess.TimeoutExpired:
        return True
    else:
        return done.returncode != 0
    finally:
        (checkout / fault.file).write_text(source, encoding="utf-8")


def main() -> None:
    """Try a sample of faults and print those that no test notices."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--package", action="append", choices=sorted(TESTS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--list", action="store_true", help="only print the sample")
    given = parser.parse_args()
    chosen = sample(given.package or sorted(TESTS), given.count, given.seed)
    if given.list:
        print(*chosen, sep="\n")
        return
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        free: SimpleQueue[Path] = SimpleQueue()
        for number in range(given.jobs):
            checkout = Path(folder) / str(number)
            shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(".git", ".venv*", "demo", "*.pyc"))
            free.put(checkout)

        def attempt(fault: Fault) -> bool:
            checkout = free.get()
            try:
                noticed = is_noticed(fault, checkout)
            finally:
                free.put(checkout)
            print("noticed " if noticed else "SURVIVED", fault, flush=True)
            return noticed

        with ThreadPoolExecutor(given.jobs) as pool:
            results = list(pool.map(attempt, chosen))
    survivors = [fault for fault, noticed in zip(chosen, results, strict=True) if not noticed]
    share = 100 * (len(chosen) - len(survivors)) / max(1, len(chosen))
    print(f"\n{share:.0f} % of {len(chosen)} faults were noticed (seed {given.seed}); not noticed:")
    print(*survivors, sep="\n")


if __name__ == "__main__":
    main()
