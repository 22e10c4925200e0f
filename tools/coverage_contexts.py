"""A pytest plugin: names the running test to coverage, and writes the time and outcome of each to `$TEST_TIMES`.

The processes that a test starts take its name from `PYTEST_CURRENT_TEST`, which pytest sets.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import coverage
import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logstart(nodeid: str) -> None:
    measured = coverage.Coverage.current()
    if measured is not None:
        measured.switch_context(nodeid)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        line = {"test": report.nodeid, "seconds": report.duration, "failed": report.failed}
        with Path(os.environ["TEST_TIMES"]).open("a", encoding="utf-8") as times:
            times.write(json.dumps(line) + "\n")


def pytest_sessionfinish() -> None:
    measured = coverage.Coverage.current()
    if measured is not None:
        measured.stop()
        measured.save()
