"""What `daemon start` and `daemon stop` do: begin and end the supervisor of a session."""

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
    try:
        config = load_config()
        if not (config.engine.keep_warm and _take_over(options, config)):
            _begin(options, config)
    except OpenjdVsError as error:
        return client.fail(f"Failed to start: {error}")
    code = client.ask(str(connection_file), {"request": "open"})
    if code:
        client.ask(str(connection_file), {"request": "stop", "keep": False})
    return code


def stop(options: dict[str, str]) -> int:
    """End the supervisor and its engine; that neither runs any more is no error."""
    connection_file = Path(options["connection-file"])
    if not _answers(connection_file):
        connection_file.unlink(missing_ok=True)
        return 0
    return client.ask(str(connection_file), {"request": "stop", "keep": True})


def supervise(options: dict[str, str]) -> int:
    """Be the supervisor."""
    from .supervisor import supervise as serve

    return serve(Path(options["connection-file"]), Path(options["job"]), options.get("engine") or "auto")


def _begin(options: dict[str, str], config: Config) -> None:
    """Start a supervisor, and wait until it can be reached."""
    connection_file = Path(options["connection-file"]).absolute()
    place = warm.folder(config) if config.engine.keep_warm else connection_file.parent
    log = place / "supervisor.log"
    supervisor = _spawn(options, config, log)
    deadline = time.monotonic() + _SUPERVISOR_LIMIT_S
    while not connection_file.exists():
        if supervisor.poll() is not None or time.monotonic() > deadline:
            supervisor.kill()
            said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            raise EngineError(f"the supervisor did not begin: {''.join(said)}")
        time.sleep(_POLL_S)


def _spawn(options: dict[str, str], config: Config, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "openjd_vstitcher.engine", "daemon", "supervise"]
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


def _take_over(options: dict[str, str], config: Config) -> bool:
    """Have a kept engine serve this session, if there is one that fits."""
    launch = launchers.choose(options.get("engine") or "auto", config.engine)
    request = {
        "request": "adopt",
        "connection_file": str(Path(options["connection-file"]).absolute()),
        "job_file": str(Path(options["job"]).absolute()),
        "log": os.environ.get(ENGINE_LOG_VARIABLE),
        "lifeline": os.environ.get(LIFELINE_VARIABLE),
    }
    deadline = time.monotonic() + _SUPERVISOR_LIMIT_S
    for kept in warm.claim(warm.folder(config), warm.identity(launch, config.engine)):
        try:
            with connect(str(kept), request) as sock:
                answers = list(receive(sock))
        except ProtocolError:
            continue
        if answers and answers[-1].get("type") == "done":
            while not Path(request["connection_file"] or "").exists() and time.monotonic() < deadline:
                time.sleep(_POLL_S)
            return True
    return False


def _answers(connection_file: Path) -> bool:
    """Whether a supervisor listens where a connection file says."""
    try:
        connection = read_connection(str(connection_file))
        with socket.create_connection((connection["host"], connection["port"]), 2):
            return True
    except (ProtocolError, OSError):
        return False
