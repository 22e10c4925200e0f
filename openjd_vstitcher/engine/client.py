"""`daemon run`: sends one request to a running supervisor and prints its messages. Keeps imports to a minimum."""

from __future__ import annotations

import json
import os
import signal

from .. import action_output
from ..failures import describe, one_line
from .protocol import ProtocolError, connect, encode, receive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket
    from types import FrameType
    from typing import Any

FAILED = 1
_SIGNALS = ("SIGTERM", "SIGINT", "SIGBREAK")


def run(options: dict[str, str]) -> int:
    """Run `daemon run`: make one export.

    Parameters
    ----------
    options: `connection-file`, `run-data`, `output-dir`; `frame`, `frames`, `colorway`, `garment-snapshot` if given.

    Returns
    -------
    The exit code: 0 if done, 1 if failed, 128 plus the signal number if canceled.
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
    return send_request(options["connection-file"], request)


def send_request(connection_file: str, request: dict[str, Any]) -> int:
    """Send a request and print the messages about it until it ends.

    Returns
    -------
    The exit code.
    """
    try:
        sock = connect(connection_file, request)
    except ProtocolError as error:
        return fail(f"{_prefix(request)}{error}")
    cancelation = _Cancelation(sock)
    try:
        for message in receive(sock):
            code = _print(message)
            if code is not None:
                return cancelation.exit_code or code
    except ProtocolError as error:
        return cancelation.exit_code or fail(f"{_prefix(request)}{error}")
    return cancelation.exit_code or fail(f"{_prefix(request)}the engine's supervisor exited during the request")


def fail(text: str) -> int:
    """Print a failure message and return the exit code for it."""
    action_output.fail(one_line(text))
    return FAILED


class _Cancelation:
    """Sends a cancelation to the supervisor at the first signal. A second signal ends this process at once."""

    def __init__(self, sock: socket) -> None:
        self.exit_code = 0
        self._socket = sock
        for name in _SIGNALS:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._cancel)

    def _cancel(self, number: int, frame: FrameType | None) -> None:
        if self.exit_code:
            os._exit(self.exit_code)
        self.exit_code = 128 + number
        action_output.status("canceling")
        try:
            self._socket.sendall(encode({"request": "cancel"}))
        except OSError:
            os._exit(self.exit_code)


def _print(message: dict[str, Any]) -> int | None:
    kind = message.get("type")
    if kind == "progress":
        action_output.progress(float(message["value"]))
    elif kind == "status":
        action_output.status(one_line(str(message["text"])))
    elif kind == "notice":
        action_output.status(str(message["text"]))
        action_output.say(f"*** {message['text']} ***")
    elif kind == "event":
        action_output.event(message["event"])
    elif kind == "done":
        return 0
    elif kind == "canceled":
        action_output.status("canceled; no output was written")
        return 128 + signal.SIGTERM
    elif kind == "failed":
        failure = message["failure"]
        if failure.get("export"):
            action_output.event({"event": "export_failed", **failure})
        return fail(describe(failure))
    return None


def _run_data(location: str) -> dict[str, Any]:
    with open(location.removeprefix("file://"), encoding="utf-8") as file:  # noqa: PTH123
        data = json.load(file)
    if not isinstance(data, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004  # callers report any ValueError as bad run data
    return data


def _prefix(request: dict[str, Any]) -> str:
    export = request.get("export")
    return f"{export.get('output_file_name')} failed in stage open: " if isinstance(export, dict) else ""
