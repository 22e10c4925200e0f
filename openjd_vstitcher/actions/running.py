"""What the commands that templates call share: failure messages, exit codes, stop signals, and embedded JSON."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from .. import action_output
from ..action_output import MACHINE_FAULT
from ..errors import ConfigError, InvalidInput, OpenjdVsError, Problem, StorageError
from ..failures import one_line
from ..files import is_machine_fault

_STOP_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGBREAK") if hasattr(signal, name)]
"""What OpenJD sends to an action that is canceled or takes too long; SIGBREAK on Windows."""
DONE = 0
ERROR = 1
BAD_INPUT = 2
MACHINE_PREFIX = "machine: "


def run_action(failure: str, action: Callable[[], int | None]) -> int:
    """Run an action. An error becomes its failure message.

    Parameters
    ----------
    failure: the beginning of the message, such as "staging failed".
    action: may return an exit code of its own, and has then said why it failed.

    Returns
    -------
    The exit code: the action's own, else 0 done, 1 an error, 2 bad input, 75 (`MACHINE_FAULT`) a fault that does not
    count against the job.
    """
    try:
        return action() or DONE
    except OpenjdVsError as error:
        code = _exit_code(error)
        action_output.fail(f"{MACHINE_PREFIX if code == MACHINE_FAULT else ''}{failure}: {one_line(str(error))}")
        return code
    except OSError as error:
        if not is_machine_fault(error):
            raise
        reason = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        action_output.fail(f"{MACHINE_PREFIX}{failure}: {one_line(str(reason))}")
        return MACHINE_FAULT


def _exit_code(error: OpenjdVsError) -> int:
    if isinstance(error, InvalidInput):
        return BAD_INPUT
    machine = isinstance(error, ConfigError) or (isinstance(error, StorageError) and error.transient)
    return MACHINE_FAULT if machine else ERROR


@contextlib.contextmanager
def on_stop_signal(stop: Callable[[], object]) -> Iterator[None]:
    """Have a function called in the main thread when this process is asked to end; more such requests are ignored."""

    def take(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        stop()

    before = {number: signal.signal(number, take) for number in _STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def read_embedded(source: str, what: str) -> dict[str, Any]:
    """The JSON object in a file that a template embeds.

    Parameters
    ----------
    source: a path, or a path after `file://`, as templates write it.
    what: names the data in errors.

    Raises
    ------
    InvalidInput: the file cannot be read, or does not hold a JSON object.
    """
    path = Path(source.removeprefix("file://"))
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(what, [Problem("", f"cannot read {path}: {error.strerror}")]) from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(what, [Problem("", f"{path} is not valid JSON: {error}")]) from error
    if not isinstance(data, dict):
        raise InvalidInput(what, [Problem("", f"expected a JSON object in {path}")])
    return data
