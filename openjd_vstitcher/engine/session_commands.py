"""What `daemon start` and `daemon stop` do: begin and end the supervisor of a session."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from . import client
from .protocol import ProtocolError, connect, read_connection, receive

_SUPERVISOR_LIMIT_S = 20.0
_POLL_S = 0.01


def start(options: dict[str, str]) -> int:
    """Start a supervisor that outlives this process, and wait until its engine has opened the garment.

    Returns
    -------
    The exit code. When the engine does not become ready, nothing is left running.
    """
    connection_file = Path(options["connection-file"])
    if not Path(options["job"]).is_file():
        return client.fail(f"Failed to start: there is no job file {options['job']}")
    if _answers(connection_file):
        return client.fail(f"Failed to start: an engine already runs for {connection_file}")
    connection_file.unlink(missing_ok=True)
    Path(options["output-dir"]).mkdir(parents=True, exist_ok=True)
    log = connection_file.with_name("supervisor.log")
    supervisor = _spawn(options, log)
    deadline = time.monotonic() + _SUPERVISOR_LIMIT_S
    while not connection_file.exists():
        if supervisor.poll() is not None or time.monotonic() > deadline:
            supervisor.kill()
            said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            return client.fail(f"Failed to start: the supervisor did not begin: {''.join(said)}")
        time.sleep(_POLL_S)
    code = client.ask(str(connection_file), {"request": "open"})
    if code:
        _end(connection_file, supervisor)
    return code


def stop(options: dict[str, str]) -> int:
    """End the supervisor and its engine; that neither runs any more is no error."""
    connection_file = Path(options["connection-file"])
    if not _answers(connection_file):
        connection_file.unlink(missing_ok=True)
        return 0
    return client.ask(str(connection_file), {"request": "stop"})


def supervise(options: dict[str, str]) -> int:
    """Be the supervisor."""
    from .supervisor import supervise as serve

    return serve(Path(options["connection-file"]), Path(options["job"]), options.get("engine") or "auto")


def _spawn(options: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "openjd_vstitcher.engine", "daemon", "supervise"]
    command += ["--connection-file", options["connection-file"], "--job", options["job"]]
    command += ["--engine", options.get("engine") or "auto"]
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            creationflags=flags,
        )


def _answers(connection_file: Path) -> bool:
    """Whether a supervisor listens where a connection file says."""
    import socket

    try:
        connection = read_connection(str(connection_file))
        with socket.create_connection((connection["host"], connection["port"]), 2):
            return True
    except (ProtocolError, OSError):
        return False


def _end(connection_file: Path, supervisor: subprocess.Popen[bytes]) -> None:
    try:
        sock = connect(str(connection_file), {"request": "stop"})
        for _message in receive(sock):
            pass
        supervisor.wait(timeout=_SUPERVISOR_LIMIT_S)
    except (ProtocolError, subprocess.TimeoutExpired):
        supervisor.kill()
