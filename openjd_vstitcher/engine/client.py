"""What `daemon run` does: one request to a running supervisor, its messages printed. Imports as little as it can."""

from __future__ import annotations

import json
import os
import signal
import sys

from ..failures import as_event, describe, one_line
from .protocol import ProtocolError, connect, encode, receive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket
    from types import FrameType
    from typing import Any

FAILED = 1
_SIGNALS = ("SIGTERM", "SIGINT", "SIGBREAK")


def run(options: dict[str, str]) -> int:
    """Make one export.

    Parameters
    ----------
    options: `connection-file`, `run-data`, `output-dir`; `frame`, `frames`, `colorway`, `garment-snapshot` if given.

    Returns
    -------
    The exit code: 0 done, 1 failed, 128 and the signal's number when canceled.
    """
    try:
        data = _run_data(options["run-data"])
    except (OSError, ValueError) as error:
        return fail(f"cannot read the run data {options['run-data']}: {error}")
    request = {
        "request": "run",
        "export": data.get("export"),
        "mutations": data.get("mutations") or [],
        "instruction": data.get("instruction"),
        "output_dir": os.path.abspath(options["output-dir"]),  # noqa: PTH100
        "colorway": options.get("colorway") or None,
        "garment_snapshot": options.get("garment-snapshot") or None,
    }
    for name in ("frame", "frames"):
        if options.get(name):
            request[name] = int(options[name])
    return ask(options["connection-file"], request)


def ask(connection_file: str, request: dict[str, Any]) -> int:
    """Send a request and print what comes back until it is answered; the exit code."""
    try:
        sock = connect(connection_file, request)
    except ProtocolError as error:
        return fail(f"{_name(request)}{error}")
    cancelation = _Cancelation(sock)
    try:
        for message in receive(sock):
            code = _show(message)
            if code is not None:
                return cancelation.exit_code or code
    except ProtocolError as error:
        return cancelation.exit_code or fail(f"{_name(request)}{error}")
    return cancelation.exit_code or fail(f"{_name(request)}the engine's supervisor ended in the middle of it")


def fail(text: str) -> int:
    """Print a failure message; the exit code for it."""
    _say("openjd_fail: " + one_line(text))
    return FAILED


class _Cancelation:
    """Passes the first signal on to the supervisor; a second one ends this process at once."""

    def __init__(self, sock: socket) -> None:
        self.exit_code = 0
        self._socket = sock
        for name in _SIGNALS:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._take)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.exit_code:
            os._exit(self.exit_code)
        self.exit_code = 128 + number
        _say("openjd_status: canceling")
        try:
            self._socket.sendall(encode({"request": "cancel"}))
        except OSError:
            os._exit(self.exit_code)


def _show(message: dict[str, Any]) -> int | None:
    kind = message.get("type")
    if kind == "progress":
        _say(f"openjd_progress: {float(message['value']):.1f}")
    elif kind == "status":
        _say("openjd_status: " + one_line(str(message["text"])))
    elif kind == "notice":
        _say("openjd_status: " + str(message["text"]))
        sys.stderr.write(f"*** {message['text']} ***\n")
        sys.stderr.flush()
    elif kind == "event":
        _say("vstitcher_event: " + json.dumps(message["event"], ensure_ascii=True))
    elif kind == "done":
        return 0
    elif kind == "canceled":
        _say("openjd_status: canceled; no output was left")
        return 128 + signal.SIGTERM
    elif kind == "failed":
        failure = message["failure"]
        if failure.get("export"):
            _say("vstitcher_event: " + as_event(failure))
        return fail(describe(failure))
    return None


def _run_data(location: str) -> dict[str, Any]:
    with open(location.removeprefix("file://"), encoding="utf-8") as file:  # noqa: PTH123
        data = json.load(file)
    if not isinstance(data, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004  # the reader of the message has no types
    return data


def _name(request: dict[str, Any]) -> str:
    export = request.get("export")
    return f"{export.get('output_file_name')} failed in stage open: " if isinstance(export, dict) else ""


def _say(line: str) -> None:
    sys.stdout.buffer.write(line.encode("utf-8", "backslashreplace") + b"\n")
    sys.stdout.buffer.flush()
