"""Runs one script of a job, and reports how it ended."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from .. import action_output
from ..config import load_config
from ..errors import InvalidInput, Problem
from .running import ERROR, STOP_SIGNALS, read_embedded, run_action
from .script_files import find_script, script_command

_LAST_LINES = 20
_GRACE_S = 0.6


def run_script(run_data: str, output_directory: Path) -> int:
    """`openjd-vs run-script`: run a script in the output directory. Returns the exit code: 1 if the script failed."""
    code = 0

    def run() -> None:
        nonlocal code
        name, arguments = _described(run_data)
        file = find_script(name, load_config().jobs.scripts)
        output_directory.mkdir(parents=True, exist_ok=True)
        code = _run(name, script_command(file, arguments), arguments, output_directory)

    return run_action("the script cannot run", run) or code


def _described(run_data: str) -> tuple[str, dict[str, Any]]:
    data = read_embedded(run_data, "run data")
    name, arguments = data.get("script"), data.get("arguments", {})
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise InvalidInput("run data", [Problem("", "expected a script with arguments")])
    return name, arguments


def _run(name: str, command: list[str], arguments: dict[str, Any], directory: Path) -> int:
    began = time.monotonic()
    lines: deque[str] = deque(maxlen=_LAST_LINES)
    exit_code = None
    try:
        with subprocess.Popen(
            command, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            reader = threading.Thread(target=_say_output, args=(process, lines), daemon=True)
            reader.start()
            with _ended_by_signal(process) as stopped:
                exit_code = process.wait()
                reader.join(_GRACE_S if stopped.is_set() else None)
        reason = f"exit code {exit_code}"
        if stopped.is_set():  # whatever its exit code, which may be lost: `_end` waits for the process too
            exit_code, reason = None, "it was stopped"
    except OSError as error:
        reason = f"it cannot be started: {error.strerror}"
    told = {
        "script": name,
        "arguments": arguments,
        "seconds": round(time.monotonic() - began, 3),
        "output": list(lines),
    }
    if exit_code == 0:
        action_output.event({"event": "script_succeeded", **told})
        action_output.progress(100)
        return 0
    action_output.event({"event": "script_failed", **told, "exit_code": exit_code, "reason": reason})
    last = f": {lines[-1]}" if lines else ""
    action_output.fail(f"script {name} failed: {reason}{last}")
    return ERROR


def _say_output(process: subprocess.Popen[bytes], lines: deque[str]) -> None:
    assert process.stdout is not None
    while line := process.stdout.readline(action_output.MOST_BYTES):
        text = line.decode("utf-8", "backslashreplace").rstrip("\r\n")
        lines.append(text)
        action_output.say(text)


@contextlib.contextmanager
def _ended_by_signal(process: subprocess.Popen[bytes]) -> Iterator[threading.Event]:
    """A request to end goes on to the script and everything that it started; after a moment they are killed."""
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        stopped.set()
        threading.Thread(target=_end, args=(process.pid,), daemon=True).start()

    before = {number: signal.signal(number, stop) for number in STOP_SIGNALS}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(pid: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        script = psutil.Process(pid)
        family = [script, *script.children(recursive=True)]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        _, alive = psutil.wait_procs(family, timeout=_GRACE_S)
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
