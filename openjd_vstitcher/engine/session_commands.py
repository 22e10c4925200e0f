"""`daemon start` and `daemon stop`: start and stop the supervisor of a session."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from ..config import CONFIG_VARIABLE, Config, load_config
from ..errors import EngineError, OpenjdVsError
from ..lifeline import ENGINE_LOG_VARIABLE, LIFELINE_VARIABLE
from . import client, launchers, warm
from .protocol import ProtocolError, connect, read_connection, receive

_SUPERVISOR_LIMIT_S = 20.0
_POLL_S = 0.01


def start(options: dict[str, str]) -> int:
    """Run `daemon start`: start a supervisor that outlives this process, and wait until its engine is ready.

    Returns
    -------
    The exit code. If the engine does not become ready, nothing is left running.
    """
    connection_file = Path(options["connection-file"])
    if not Path(options["job"]).is_file():
        return client.fail(f"Failed to start: job file not found: {options['job']}")
    if _is_running(connection_file):
        return client.fail(f"Failed to start: an engine is already running for {connection_file}")
    connection_file.unlink(missing_ok=True)
    Path(options["output-dir"]).mkdir(parents=True, exist_ok=True)
    try:
        config = load_config()
        if not (config.engine.keep_warm and _adopt_warm_engine(options, config)):
            _start_supervisor(options, config)
    except OpenjdVsError as error:
        return client.fail(f"Failed to start: {error}")
    code = client.send_request(str(connection_file), {"request": "open"})
    if code:
        client.send_request(str(connection_file), {"request": "stop", "keep": False})
    return code


def stop(options: dict[str, str]) -> int:
    """Run `daemon stop`: stop the supervisor and its engine. It is not an error if neither is running."""
    connection_file = Path(options["connection-file"])
    if not _is_running(connection_file):
        connection_file.unlink(missing_ok=True)
        return 0
    return client.send_request(str(connection_file), {"request": "stop", "keep": True})


def supervise(options: dict[str, str]) -> int:
    """Run the supervisor in this process."""
    from .supervisor import run

    return run(Path(options["connection-file"]), Path(options["job"]), options.get("engine") or "auto")


def _start_supervisor(options: dict[str, str], config: Config) -> None:
    """Start a supervisor and wait until it listens.

    Raises
    ------
    EngineError: it exited, or took too long.
    """
    connection_file = Path(options["connection-file"]).absolute()
    folder = warm.folder(config) if config.engine.keep_warm else connection_file.parent
    log = folder / "supervisor.log"
    supervisor = _spawn(options, config, log)
    deadline = time.monotonic() + _SUPERVISOR_LIMIT_S
    while not connection_file.exists():
        if supervisor.poll() is not None or time.monotonic() > deadline:
            supervisor.kill()
            last_line = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            raise EngineError(f"the supervisor did not start: {''.join(last_line)}")
        time.sleep(_POLL_S)


def _spawn(options: dict[str, str], config: Config, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-m", "openjd_vstitcher.engine", "daemon", "supervise"]
    command += ["--connection-file", str(Path(options["connection-file"]).absolute())]
    command += ["--job", str(Path(options["job"]).absolute()), "--engine", options.get("engine") or "auto"]
    environment = dict(os.environ)
    if config.source is not None:
        environment[CONFIG_VARIABLE] = str(config.source)
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=log.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            creationflags=flags,
        )


def _adopt_warm_engine(options: dict[str, str], config: Config) -> bool:
    """Let a warm engine serve this session; False if there is none with the same settings."""
    launch = launchers.choose(options.get("engine") or "auto", config.engine)
    request = {
        "request": "adopt",
        "connection_file": str(Path(options["connection-file"]).absolute()),
        "job_file": str(Path(options["job"]).absolute()),
        "log": os.environ.get(ENGINE_LOG_VARIABLE),
        "lifeline": os.environ.get(LIFELINE_VARIABLE),
    }
    deadline = time.monotonic() + _SUPERVISOR_LIMIT_S
    for candidate in warm.claim(warm.folder(config), warm.identity(launch, config.engine)):
        try:
            with connect(str(candidate), request) as sock:
                replies = list(receive(sock))
        except ProtocolError:
            continue
        if replies and replies[-1].get("type") == "done":
            while not Path(request["connection_file"] or "").exists() and time.monotonic() < deadline:
                time.sleep(_POLL_S)
            return True
    return False


def _is_running(connection_file: Path) -> bool:
    """True if a supervisor listens at the address in a connection file."""
    try:
        connection = read_connection(str(connection_file))
        with socket.create_connection((connection["host"], connection["port"]), 2):
            return True
    except (ProtocolError, OSError):
        return False
