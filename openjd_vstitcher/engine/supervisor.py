"""The supervisor: a process outside the engine that serves a session's clients and ends the engine with the session."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from ..config import EngineConfig, load_config
from ..errors import EngineError
from ..failures import EngineFailed
from ..files import read_whole, write_json
from ..lifeline import CONFIRMATION, ENGINE_LOG_VARIABLE, LIFELINE_VARIABLE
from . import warm
from .engine_log import EngineLog
from .listener import Client, Listener
from .processes import adopt_orphans
from .request_runner import RequestRunner
from .session_context import SessionContext

_POLL_S = 1.0
_LIFELINE_TRIES = 5
_LIFELINE_PAUSE_S = 0.2
_LIFELINE_LIMIT_S = 5.0
_IDLE_LIMIT_S = 6 * 3600.0
_CLAIMED_LIMIT_S = 30.0
"""How long a session that has claimed the warm engine may take to adopt it."""


class Supervisor:
    """Serves one session, and then further ones if its engine is kept warm.

    Parameters
    ----------
    kind: the `Engine` parameter.
    warm_folder: where warm engines are listed; None: the engine ends with the session.
    """

    def __init__(
        self, context: SessionContext, kind: str, config: EngineConfig, warm_folder: Path | None = None
    ) -> None:
        self._context = context
        self._config = config
        self._warm_folder = warm_folder
        self._log = EngineLog(warm_folder / f"{os.getpid()}.log" if warm_folder else context.log)
        self._runner = RequestRunner(kind, config, self._log.path, keep_warm=warm_folder is not None)
        self._listener = Listener(self._serve_connection)
        self._over = asyncio.Event()
        self._closed = asyncio.Event()
        self._adopted = asyncio.Event()
        self._keep_requested = False
        self._offered = False
        self._sessions = 0

    async def serve(self) -> None:
        """Serve until the last session ends and all engine processes are gone."""
        await self._listener.open()
        try:
            while await self._serve_session():
                await self._wait_for_adoption()
                if not self._adopted.is_set():
                    break
        finally:
            if self._runner.engine is not None:
                await self._runner.engine.stop()
            self._closed.set()
            await self._listener.close()
            if self._warm_folder:
                self._log.path.unlink(missing_ok=True)

    def end(self) -> None:
        """End the session and the engine."""
        self._keep_requested = False
        self._over.set()

    async def _serve_session(self) -> bool:
        """Serve one session; True if the engine was kept after it."""
        self._over, self._closed, self._adopted = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._offered = self._keep_requested = False
        self._runner.last_used_s = time.monotonic()
        log_start = self._log.size()
        write_json(self._context.connection_file, self._new_connection())
        watch = asyncio.create_task(self._watch_session())
        try:
            await self._over.wait()
            self._sessions += 1
            kept = self._keep_requested and await self._offer_engine()
            if not kept and self._runner.engine is not None:
                await self._runner.engine.stop()
        finally:
            watch.cancel()
            self._remove_connection_file()
            self._log.copy_to(self._context.log, log_start)
            self._closed.set()
        return kept

    async def _watch_session(self) -> None:
        """End the session when its lifeline closes; without one, when its connection file is gone or it is idle."""
        if self._context.lifeline:
            for _ in range(_LIFELINE_TRIES):
                if await self._follow_lifeline():
                    break
                await asyncio.sleep(_LIFELINE_PAUSE_S)
        else:
            while self._owns_connection_file() and not self._idle():
                await asyncio.sleep(_POLL_S)
        if self._runner.engine is not None and not self._offered:
            self._runner.engine.kill()
        self._over.set()

    async def _follow_lifeline(self) -> bool:
        """Hold the lifeline until it closes; False if it could not be taken."""
        try:
            host, port, token = self._context.lifeline.rsplit(":", 2)
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(token.encode() + b"\n")
            if await asyncio.wait_for(reader.readline(), _LIFELINE_LIMIT_S) != CONFIRMATION:
                return False
        except (OSError, ValueError, TimeoutError):
            return False
        with contextlib.suppress(OSError):
            while await reader.read(1024):
                pass
        return True

    def _idle(self) -> bool:
        return not self._runner.busy and time.monotonic() - self._runner.last_used_s >= _IDLE_LIMIT_S

    def _new_connection(self) -> dict[str, Any]:
        return {**self._listener.new_address(), "supervisor_pid": os.getpid()}

    def _owns_connection_file(self) -> bool:
        try:
            connection = json.loads(read_whole(self._context.connection_file))
            return self._listener.has_key(connection["key"])
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def _remove_connection_file(self) -> None:
        if self._owns_connection_file():
            self._context.connection_file.unlink(missing_ok=True)

    async def _offer_engine(self) -> bool:
        """Offer the engine to the next session if its state allows it; True if it was offered."""
        engine = self._runner.engine
        if self._warm_folder is None or engine is None or not engine.alive or self._runner.busy:
            return False
        try:
            state = await engine.close_garment()
        except EngineFailed:
            return False
        engine.first_memory_bytes = engine.first_memory_bytes or engine.memory_bytes
        usage = warm.EngineUsage(
            sessions=self._sessions,
            age_s=time.monotonic() - engine.started_s,
            memory_bytes=engine.memory_bytes,
            first_memory_bytes=engine.first_memory_bytes,
            state=state,
            first_state=engine.first_state,
            leftover_processes=engine.leftover_processes,
        )
        reason = warm.reason_to_stop(usage, self._config)
        if reason:
            sys.stderr.write(f"the engine is not kept warm: {reason}\n")
            sys.stderr.flush()
            return False
        self._remove_connection_file()
        warm.offer(self._listing(), self._new_connection(), warm.identity(engine.launch, self._config))
        self._offered = True
        return True

    async def _wait_for_adoption(self) -> None:
        """Wait until a session adopts the engine, or the engine is too old or exits."""
        engine, listing = self._runner.engine, self._listing()
        assert engine is not None
        until_s = engine.started_s + self._config.keep_warm_minutes * 60
        while engine.alive and self._keep_requested and time.monotonic() < until_s:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._adopted.wait(), _POLL_S)
                return
            if not listing.exists():
                until_s = min(until_s, time.monotonic() + _CLAIMED_LIMIT_S)
        listing.unlink(missing_ok=True)

    def _listing(self) -> Path:
        assert self._warm_folder is not None
        return self._warm_folder / f"{os.getpid()}.json"

    async def _serve_connection(
        self, request: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._runner.last_used_s = time.monotonic()
        client, kind, engine = Client(reader, writer), request.get("request"), self._runner.engine
        if request.get("role") == "engine":
            if engine is not None and engine.connecting:
                engine.plugin.attach(request, writer)
                await engine.plugin.read(reader)
        elif kind == "stop":
            self._keep_requested = bool(request.get("keep"))
            self._over.set()
            await self._closed.wait()
            client.send({"type": "done"})
        elif kind == "adopt" and self._offered:
            self._adopt(request, client)
        elif kind in ("open", "run"):
            await self._runner.run(request, client, self._context, warm=self._sessions > 0)
        else:
            client.send({"type": "failed", "failure": {"stage": "open", "message": f"unknown request: {kind}"}})
        await writer.drain()

    def _adopt(self, request: dict[str, Any], client: Client) -> None:
        """Serve the session that has claimed the engine."""
        try:
            self._context = SessionContext.load(request)
        except EngineError as error:
            client.send({"type": "failed", "failure": {"stage": "open", "message": str(error)}})
            self.end()
            return
        self._adopted.set()
        client.send({"type": "done"})


def run(connection_file: Path, job_file: Path, kind: str) -> int:
    """Serve a session until it ends.

    Returns
    -------
    The exit code of the process.

    Raises
    ------
    OpenjdVsError: the configuration or the job file cannot be used.
    """
    config = load_config()
    context = SessionContext.load(
        {
            "connection_file": connection_file.absolute(),
            "job_file": job_file,
            "log": os.environ.get(ENGINE_LOG_VARIABLE),
            "lifeline": os.environ.get(LIFELINE_VARIABLE),
        }
    )
    warm_folder = warm.folder(config) if config.engine.keep_warm else None
    adopt_orphans()
    asyncio.run(_serve(Supervisor(context, kind, config.engine, warm_folder)))
    return 0


async def _serve(supervisor: Supervisor) -> None:
    if sys.platform != "win32":
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, supervisor.end)
    await supervisor.serve()
