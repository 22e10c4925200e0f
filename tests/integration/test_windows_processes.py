"""The processes of an engine on Windows: real job objects, from before the first instruction to the end of the tree."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from openjd_vstitcher.engine.processes import Process
from tests.farm import wait_until

pytestmark = pytest.mark.windows

LEAVE_A_CHILD = """
import pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
pathlib.Path(sys.argv[1]).write_text(str(child.pid))
"""
"""Starts a process in its first instructions and exits, so that nothing but the job object leads to it."""

OWNER = """
import os, pathlib, sys, time
from openjd_vstitcher.engine.processes import Process
Process([sys.executable, "-c", sys.argv[1], sys.argv[2]], dict(os.environ), pathlib.Path(sys.argv[2] + ".log"))
time.sleep(300)
"""


def written_pid(path: Path) -> int:
    wait_until(lambda: path.exists() and path.read_text())
    return int(path.read_text())


def test_a_process_that_was_started_at_once_ends_with_the_engine_though_its_parent_is_gone(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    process = Process([sys.executable, "-c", LEAVE_A_CHILD, str(pid)], dict(os.environ), tmp_path / "log")
    child = written_pid(pid)
    wait_until(lambda: process.exit_code() is not None)
    assert psutil.pid_exists(child)
    process.end()
    wait_until(lambda: not psutil.pid_exists(child))


def test_the_tree_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    owner = subprocess.Popen([sys.executable, "-c", OWNER, LEAVE_A_CHILD, str(pid)])
    child = written_pid(pid)
    assert psutil.pid_exists(child)
    owner.kill()
    owner.wait()
    wait_until(lambda: not psutil.pid_exists(child))
