"""Runs one script of a job, and reports how it ended."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

import psutil

from .. import action_output
from ..config import load_config
from ..errors import InvalidInput, Problem
from .running import ERROR, on_stop_signal, read_embedded, run_action
from .script_files import find_script, script_command

_LAST_LINES = 20
_GRACE_S = 0.6


def run_script(run_data: str, output_directory: Path) -> int:
    """`openjd-vs run-script`: run a script in the output directory. Returns the exit code: 1 if the script failed."""

    def run() -> int:
        name, arguments = _described(run_data)
        file = find_script(name, load_config().jobs.scripts)
        output_directory.mkdir(parents=True, exist_ok=True)
        return _run(name, script_command(file, arguments), arguments, output_directory)

    return run_action("the script cannot run", run)


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
    stopped = threading.Event()
    try:
        with subprocess.Popen(
            command, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            reader = threading.Thread(target=_say_output, args=(process, lines), daemon=True)
            reader.start()
            with on_stop_signal(lambda: _stop(process, stopped)):
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


def _stop(process: subprocess.Popen[bytes], stopped: threading.Event) -> None:
    """A request to end goes on to the script and everything that it started; after a moment they are killed."""
    stopped.set()
    threading.Thread(target=_end, args=(process.pid,), daemon=True).start()


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
