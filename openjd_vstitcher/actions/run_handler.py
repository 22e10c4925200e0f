"""Executes a handler in this process, and writes its result."""

from __future__ import annotations

import json
import os
import traceback
from pathlib import Path
from typing import Any, NoReturn

from .. import action_output
from ..config import load_config
from ..errors import InvalidInput, Problem
from ..files import whole_file
from ..handlers.discovery import find
from ..platform.values import MOST_RESULT_BYTES
from ..translation.outputs import RESULT_FILE
from .native_output import native_output_as_lines
from .running import BAD_INPUT, ERROR, on_stop_signal, read_embedded, run_action

_CONSOLE = "console_output"
_CANCELED = 130


class Canceled(BaseException):
    """The job was canceled; a handler's `finally` blocks run."""


def run_handler(name: str, run_data: str, output_directory: Path, job: str = "") -> int:
    """`openjd-vs run-handler`: execute a handler in the output directory. Returns the exit code.

    Parameters
    ----------
    job: the file that staging wrote, "" if the handler has no input files.
    """

    def execute() -> int:
        files = read_embedded(job, "job file").get("files", {}) if job else {}
        parameters = _parameters(run_data) | files
        handler = find(name, load_config().jobs.handlers).load()
        output_directory.mkdir(parents=True, exist_ok=True)
        os.chdir(output_directory)
        with native_output_as_lines(), on_stop_signal(_cancel):
            return _execute(name, handler, parameters)

    return run_action(f"handler {name} failed", execute)


def heartbeat(
    *, progress_current: float | None = None, progress_total: float | None = None, console_output: str | None = None
) -> None:
    """Report the progress of a handler, see `handlers.Heartbeat`."""
    if progress_current is not None:
        total = 100.0 if progress_total is None else float(progress_total)
        action_output.progress(100.0 * float(progress_current) / total if total > 0 else 100.0)
    if console_output:
        lines = str(console_output).splitlines()
        for line in lines:
            action_output.say(line)
        action_output.status(next((line.strip() for line in reversed(lines) if line.strip()), ""))


def _parameters(run_data: str) -> dict[str, Any]:
    parameters = read_embedded(run_data, "run data").get("input_params", {})
    if not isinstance(parameters, dict):
        raise InvalidInput("run data", [Problem("/input_params", "expected an object")])
    return parameters


def _execute(name: str, handler: type[Any], parameters: dict[str, Any]) -> int:
    """Execute a handler and write its result. Its errors are told; returns the exit code."""
    try:
        result = handler().execute(parameters, heartbeat)
        _write_result(result)
    except Canceled:
        action_output.say("the handler was stopped")
        return _CANCELED
    except ValueError as error:
        action_output.fail(f"Invalid parameters: {error}")
        return BAD_INPUT
    except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever a handler raises is told with its traceback
        for line in "".join(traceback.format_exception(error)).splitlines():
            action_output.say(line)
        action_output.fail(f"handler {name} failed: {type(error).__name__}: {error}")
        return ERROR
    action_output.progress(100)
    return 0


def _write_result(result: Any) -> None:
    if result is None:
        result = {}
    if not isinstance(result, dict):
        raise TypeError(f"execute returned {type(result).__name__}; expected a dict")
    heartbeat(console_output=result.get(_CONSOLE))
    kept = {key: value for key, value in result.items() if key != _CONSOLE}
    try:
        text = json.dumps(kept, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"execute returned what JSON cannot hold: {error}") from None
    if len(text) > MOST_RESULT_BYTES:
        raise TypeError(f"execute returned {len(text)} bytes of JSON; at most {MOST_RESULT_BYTES} are allowed")
    with whole_file(RESULT_FILE, mode=0o666) as file:
        file.write(text.encode())


def _cancel() -> NoReturn:
    """End the handler where it is. OpenJD ends the process if that takes too long."""
    raise Canceled
