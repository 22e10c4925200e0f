"""The process outside the engine: keeps it, passes requests on, and ends it with the session, however that ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import EngineConfig, load_config
from ..errors import EngineError, OpenjdVsError
from ..lifeline import ENGINE_LOG_VARIABLE, LIFELINE_VARIABLE
from . import launchers, orders, warm
from .driver import Engine, EngineFailed, Order
from .listener import Client, Listener
from .processes import adopt_orphans
from .protocol import write_connection

_LOOK_S = 1.0
_IDLE_LIMIT_S = 6 * 3600.0
_TAKEN_LIMIT_S = 30.0


@dataclass(frozen=True)
class Place:
    """What a session brings.

    Parameters
    ----------
    connection_file: where its clients find the supervisor.
    job: the content of `job.json`.
    log: where the engine's output goes.
    lifeline: `host:port` of who keeps the session alive, "" if there is nobody.
    """

    connection_file: Path
    job: dict[str, Any]
    log: Path
    lifeline: str

    @classmethod
    def of(cls, request: dict[str, Any]) -> Place:
        """The place that a command line or a request to take over names."""
        connection_file = Path(str(request["connection_file"]))
        log = request.get("log") or connection_file.with_name("engine.log")
        job = warm.read_job(Path(str(request["job_file"])))
        return cls(connection_file, job, Path(log), str(request.get("lifeline") or ""))


class Supervisor:
    """Serves one session, and then further ones if its engine is kept.

    Parameters
    ----------
    asked: the `Engine` parameter.
    kept: where kept engines are listed; None: the engine ends with the session.
    """

    def __init__(self, place: Place, asked: str, config: EngineConfig, kept: Path | None = None) -> None:
        self._place = place
        self._asked = asked
        self._config = config
        self._kept = kept
        self._log = kept / f"{os.getpid()}.log" if kept else place.log
        self._listener = Listener(self._serve)
        self._engine: Engine | None = None
        self._turn = asyncio.Lock()
        self._over = asyncio.Event()
        self._closed = asyncio.Event()
        self._adopted = asyncio.Event()
        self._asked_to_stop = False
        self._parked = False
        self._sessions = 0
        self._used_s = time.monotonic()
        self._log_start = 0

    async def serve(self) -> None:
        """Serve until the last session ends; then nothing of the engine is left."""
        await self._listener.open()
        try:
            while await self._session():
                await self._wait_for_adoption()
                if not self._adopted.is_set():
                    break
        finally:
            if self._engine is not None:
                await self._engine.stop()
            self._closed.set()
            await self._listener.close()
            if self._kept:
                self._log.unlink(missing_ok=True)

    def end(self) -> None:
        """End the session, and keep nothing."""
        self._asked_to_stop = False
        self._over.set()

    async def _session(self) -> bool:
        """Serve one session; whether the engine was kept after it."""
        self._over, self._closed, self._adopted = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._parked = self._asked_to_stop = False
        self._used_s = time.monotonic()
        self._log_start = self._log.stat().st_size if self._log.exists() else 0
        connection = {**self._listener.new_address(), "supervisor_pid": os.getpid()}
        write_connection(str(self._place.connection_file), connection)
        watch = asyncio.create_task(self._watch_session())
        try:
            await self._over.wait()
            self._sessions += 1
            kept = self._asked_to_stop and await self._park()
            if not kept and self._engine is not None:
                await self._engine.stop()
        finally:
            watch.cancel()
            if self._owns_file():
                self._place.connection_file.unlink(missing_ok=True)
            warm.copy_log(self._log, self._log_start, self._place.log)
            self._closed.set()
        return kept

    async def _watch_session(self) -> None:
        """The session is over when the lifeline closes, or without one when its file goes or nobody asks any more."""
        if self._place.lifeline:
            host, _, port = self._place.lifeline.rpartition(":")
            with contextlib.suppress(OSError, ValueError):
                reader, _writer = await asyncio.open_connection(host, int(port))
                while await reader.read(1024):
                    pass
        else:
            while self._owns_file() and (self._turn.locked() or time.monotonic() - self._used_s < _IDLE_LIMIT_S):
                await asyncio.sleep(_LOOK_S)
        if self._engine is not None and not self._parked:
            self._engine.kill()
        self._over.set()

    def _owns_file(self) -> bool:
        try:
            connection = json.loads(self._place.connection_file.read_text(encoding="utf-8"))
            return self._listener.has_key(connection["key"])
        except (OSError, ValueError, KeyError, TypeError):
            return False

    async def _park(self) -> bool:
        """Keep the engine for the next session if it is as good as new; whether it is kept."""
        engine = self._engine
        if self._kept is None or engine is None or not engine.alive or self._turn.locked():
            return False
        try:
            state = await engine.request(Order({"request": "work", "garment": None}, _nobody, asyncio.Event()))
        except EngineFailed:
            return False
        engine.first_memory_bytes = engine.first_memory_bytes or engine.memory_bytes
        wear = warm.Wear(
            sessions=self._sessions,
            age_s=time.monotonic() - engine.started_s,
            memory_bytes=engine.memory_bytes,
            first_memory_bytes=engine.first_memory_bytes,
            state=state,
            first_state=engine.first_state,
            left_behind=engine.left_behind,
        )
        reason = warm.worn_out(wear, self._config)
        if reason:
            sys.stderr.write(f"the engine is not kept: {reason}\n")
            sys.stderr.flush()
            return False
        if self._owns_file():
            self._place.connection_file.unlink(missing_ok=True)
        connection = {**self._listener.new_address(), "supervisor_pid": os.getpid()}
        warm.park(self._kept / f"{os.getpid()}.json", connection, warm.identity(engine.launch, self._config))
        self._parked = True
        return True

    async def _wait_for_adoption(self) -> None:
        """Wait for a session that takes the engine over, until it is too old or ends by itself."""
        assert self._engine is not None
        assert self._kept is not None
        listing = self._kept / f"{os.getpid()}.json"
        until_s = self._engine.started_s + self._config.keep_warm_minutes * 60
        while self._engine.alive and self._asked_to_stop and time.monotonic() < until_s:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._adopted.wait(), _LOOK_S)
                return
            if not listing.exists():
                until_s = min(until_s, time.monotonic() + _TAKEN_LIMIT_S)
        listing.unlink(missing_ok=True)

    async def _serve(self, request: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._used_s = time.monotonic()
        client, kind = Client(reader, writer), request.get("request")
        if request.get("role") == "engine":
            if self._engine is not None and self._engine.awaited:
                self._engine.attach(request, writer)
                await self._engine.listen(reader)
        elif kind == "stop":
            self._asked_to_stop = bool(request.get("keep"))
            self._over.set()
            await self._closed.wait()
            client.tell({"type": "done"})
        elif kind == "adopt" and self._parked:
            self._adopt(request, client)
        elif kind in ("open", "run"):
            await self._serve_work(request, client)
        else:
            client.tell({"type": "failed", "failure": {"stage": "open", "message": f"no such request: {kind}"}})
        await writer.drain()

    def _adopt(self, request: dict[str, Any], client: Client) -> None:
        try:
            self._place = Place.of(request)
        except EngineError as error:
            client.tell({"type": "failed", "failure": {"stage": "open", "message": str(error)}})
            self.end()
            return
        self._adopted.set()
        client.tell({"type": "done"})

    async def _serve_work(self, request: dict[str, Any], client: Client) -> None:
        watch = asyncio.create_task(client.watch())
        try:
            orders.check(request)
            async with self._turn:
                await self._fulfil(request, client)
            client.tell({"type": "done"})
        except EngineFailed as error:
            failure = dict(error.failure)
            export = request.get("export")
            if isinstance(export, dict) and request["request"] == "run":
                failure |= {"export": export.get("output_file_name"), "parameters": export}
                with contextlib.suppress(EngineFailed):
                    orders.check(request)
                    orders.sweep(request)
            client.tell({"type": "canceled" if error.canceled else "failed", "failure": failure})
        finally:
            watch.cancel()
            self._used_s = time.monotonic()

    async def _fulfil(self, request: dict[str, Any], client: Client) -> None:
        if client.canceled.is_set():
            raise EngineFailed({"stage": "open", "message": "canceled"}, canceled=True)
        engine = await self._ready(client, opening=request["request"] == "open")
        message = orders.work(self._place.job, request)
        output_dir = Path(message["output_dir"]) if "output_dir" in message else None
        reply = await engine.request(Order(message, client.tell, client.canceled, output_dir))
        if output_dir is None:
            client.event(
                "engine_ready",
                engine=engine.launch.kind,
                version=engine.hello.get("version", ""),
                garment=reply.get("name"),
                start_s=0.0 if self._sessions else engine.start_s,
                kept=self._sessions > 0,
            )
        else:
            client.tell({"type": "progress", "value": 100.0})
            client.event("exported", **{key: reply.get(key) for key in ("output", "size_bytes", "seconds")})

    async def _ready(self, client: Client, *, opening: bool) -> Engine:
        """The engine, started if it does not run: the first time, or after a failure that ended it."""
        again = self._engine is not None
        try:
            launch = self._engine.launch if self._engine else launchers.choose(self._asked, self._config)
        except OpenjdVsError as error:
            raise EngineFailed({"stage": "start", "message": f"Failed to start: {error}"}) from error
        if launch.notice and opening:
            client.tell({"type": "notice", "text": launch.notice})
        if self._engine is not None:
            if self._engine.alive:
                return self._engine
            self._engine.kill()
        self._engine = Engine(launch, self._config, self._place.connection_file, self._log)
        try:
            await self._engine.start()
            if self._kept:
                order = Order({"request": "work", "garment": None}, _nobody, client.canceled)
                self._engine.first_state = await self._engine.request(order)
        except EngineFailed:
            self._engine.kill()
            raise
        if again:
            client.event("engine_restarted", start_s=self._engine.start_s)
        return self._engine


def supervise(connection_file: Path, job_file: Path, asked: str) -> int:
    """Serve a session until it ends; the exit code of the process.

    Raises
    ------
    OpenjdVsError: the configuration or the job file is unusable.
    """
    config = load_config()
    place = Place.of(
        {
            "connection_file": connection_file.absolute(),
            "job_file": job_file,
            "log": os.environ.get(ENGINE_LOG_VARIABLE),
            "lifeline": os.environ.get(LIFELINE_VARIABLE),
        }
    )
    kept = warm.folder(config) if config.engine.keep_warm else None
    adopt_orphans()
    asyncio.run(_serve(Supervisor(place, asked, config.engine, kept)))
    return 0


async def _serve(supervisor: Supervisor) -> None:
    if sys.platform != "win32":
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, supervisor.end)
    await supervisor.serve()


def _nobody(message: dict[str, Any]) -> None:
    """Nobody listens to what keeping an engine says."""
