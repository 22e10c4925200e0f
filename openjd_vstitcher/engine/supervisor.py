"""The process outside the engine: keeps it, passes requests on, and ends it with the session, however that ends."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import os
import secrets
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

from ..config import EngineConfig, load_config
from ..errors import OpenjdVsError
from ..session.environment import ENGINE_LOG_VARIABLE, LIFELINE_VARIABLE
from . import launchers
from .driver import Engine, EngineFailed, Order
from .processes import adopt_orphans
from .protocol import MAX_LINE_BYTES, ProtocolError, decode, encode, write_connection

_GREETING_LIMIT_S = 5.0
_STRANGERS = 16
_LOOK_S = 1.0
_GOODBYE_S = 1.0
_IDLE_LIMIT_S = 6 * 3600.0


class Supervisor:
    """Serves one session.

    Parameters
    ----------
    connection_file: where clients find this process.
    job: the content of `job.json`.
    asked: the `Engine` parameter.
    """

    def __init__(self, connection_file: Path, job: dict[str, Any], asked: str, config: EngineConfig) -> None:
        self._file = connection_file
        self._job = job
        self._asked = asked
        self._config = config
        self._log = Path(os.environ.get(ENGINE_LOG_VARIABLE) or connection_file.with_name("engine.log"))
        self._key = secrets.token_hex(32)
        self._engine: Engine | None = None
        self._turn = asyncio.Lock()
        self._over = asyncio.Event()
        self._closed = asyncio.Event()
        self._strangers: list[asyncio.StreamWriter] = []
        self._used_s = time.monotonic()
        self._conversations: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Serve until the session ends; then nothing of the engine is left."""
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0, limit=MAX_LINE_BYTES)
        host, port = server.sockets[0].getsockname()[:2]
        connection = {"host": host, "port": port, "key": self._key, "supervisor_pid": os.getpid()}
        write_connection(str(self._file), connection)
        end = asyncio.create_task(self._wait_for_end())
        try:
            await self._over.wait()
        finally:
            end.cancel()
            server.close()
            if self._engine is not None:
                await self._engine.stop()
            if self._owns_file():
                self._file.unlink(missing_ok=True)
            self._closed.set()
            if self._conversations:
                await asyncio.wait(list(self._conversations), timeout=_GOODBYE_S)

    def end(self) -> None:
        """End the session."""
        self._over.set()

    async def _wait_for_end(self) -> None:
        """The lifeline closes, or without one: the connection file goes, or nobody asks for anything any more."""
        lifeline = os.environ.get(LIFELINE_VARIABLE, "")
        if lifeline:
            host, _, port = lifeline.rpartition(":")
            with contextlib.suppress(OSError, ValueError):
                reader, _writer = await asyncio.open_connection(host, int(port))
                while await reader.read(1024):
                    pass
            self._die()
        while self._owns_file() and (self._turn.locked() or time.monotonic() - self._used_s < _IDLE_LIMIT_S):
            await asyncio.sleep(_LOOK_S)
        self._die()

    def _die(self) -> None:
        """Nobody is left to wait for: kill the engine now."""
        if self._engine is not None:
            self._engine.kill()
        self._over.set()

    def _owns_file(self) -> bool:
        try:
            return bool(json.loads(self._file.read_text(encoding="utf-8"))["key"] == self._key)
        except (OSError, ValueError, KeyError, TypeError):
            return False

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._conversations.add(task)
        try:
            greeting = await self._greeting(reader, writer)
            if greeting is None:
                return
            self._used_s = time.monotonic()
            if greeting.get("role") == "engine":
                await self._serve_engine(greeting, reader, writer)
            else:
                await self._serve_client(greeting, reader, writer)
        except (OSError, ProtocolError, ValueError):
            pass
        finally:
            self._conversations.discard(task)
            writer.close()

    async def _greeting(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> dict[str, Any] | None:
        """The first message of who has the key; None for everyone else, of whom few are heard at a time."""
        if len(self._strangers) >= _STRANGERS:
            self._strangers.pop(0).close()
        self._strangers.append(writer)
        try:
            greeting = decode(await asyncio.wait_for(reader.readline(), _GREETING_LIMIT_S))
        except (TimeoutError, ProtocolError, ValueError, OSError):
            return None
        finally:
            if writer in self._strangers:
                self._strangers.remove(writer)
        key = greeting.pop("key", None)
        if not isinstance(key, str) or not hmac.compare_digest(key.encode("utf-8", "replace"), self._key.encode()):
            return None
        return greeting

    async def _serve_engine(
        self, hello: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self._engine is not None and self._engine.awaited:
            self._engine.attach(hello, writer)
            await self._engine.listen(reader)

    async def _serve_client(
        self, request: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        client = _Client(reader, writer)
        kind = request.get("request")
        if kind == "stop":
            self._over.set()
            await self._closed.wait()
            client.tell({"type": "done"})
            await writer.drain()
        elif kind in ("open", "run"):
            watcher = asyncio.create_task(client.watch())
            try:
                await self._serve_request(request, client)
                await writer.drain()
            finally:
                watcher.cancel()
        else:
            client.tell({"type": "failed", "failure": {"stage": "open", "message": f"no such request: {kind}"}})

    async def _serve_request(self, request: dict[str, Any], client: _Client) -> None:
        export = request.get("export") if request["request"] == "run" else None
        try:
            _check_run(request)
            async with self._turn:
                reply = await self._fulfil(request, export, client)
            client.tell({"type": "done", "result": reply})
        except EngineFailed as error:
            failure = dict(error.failure)
            if isinstance(export, dict):
                failure["export"] = export.get("output_file_name")
                failure["parameters"] = export
                self._sweep(request)
            client.tell({"type": "canceled" if error.canceled else "failed", "failure": failure})
        finally:
            self._used_s = time.monotonic()

    async def _fulfil(self, request: dict[str, Any], export: dict[str, Any] | None, client: _Client) -> dict[str, Any]:
        if client.canceled.is_set():
            raise EngineFailed({"stage": "open", "message": "canceled"}, canceled=True)
        engine = await self._ready(client)
        message: dict[str, Any] = {"request": "work", "garment": self._wanted(request)}
        output_dir = None
        if export is not None:
            output_dir = Path(request["output_dir"]).absolute()
            message |= {"export": export, "output_dir": str(output_dir)}
            message |= {"frame": request.get("frame"), "frames": request.get("frames")}
        reply = await engine.request(Order(message, client.tell, client.canceled, output_dir))
        if export is None:
            client.tell({"type": "event", "event": _ready_event(engine, str(reply.get("garment")))})
        else:
            client.tell({"type": "progress", "value": 100.0})
            client.tell({"type": "event", "event": {"event": "exported", **_exported(reply)}})
        return reply

    async def _ready(self, client: _Client) -> Engine:
        """The engine, started if it does not run (the first time, or after a failure that ended it)."""
        if self._engine is not None and self._engine.alive:
            return self._engine
        again = self._engine is not None
        if self._engine is not None:
            self._engine.kill()
        try:
            launch = launchers.choose(self._asked, self._config)
        except OpenjdVsError as error:
            raise EngineFailed({"stage": "start", "message": f"Failed to start: {error}"}) from error
        if launch.notice and not again:
            client.tell({"type": "notice", "text": launch.notice})
        self._engine = Engine(launch, self._config, self._file, self._log)
        try:
            await self._engine.start()
        except EngineFailed:
            self._engine.kill()
            raise
        if again:
            client.tell({"type": "event", "event": {"event": "engine_restarted", "start_s": self._engine.start_s}})
        return self._engine

    def _wanted(self, request: dict[str, Any]) -> dict[str, Any]:
        """The state that the garment shall have; choices of the command line win over those of the instruction."""
        export = request.get("export") or {}
        return {
            "path": self._job.get("garment_path"),
            "artwork": _artwork(self._job),
            "mutations": request.get("mutations") or [],
            "colorway": request.get("colorway") or export.get("colorway"),
            "snapshot": request.get("garment_snapshot") or export.get("snapshot"),
        }

    def _sweep(self, request: dict[str, Any]) -> None:
        """Remove what an export left unfinished when the engine could not do so itself."""
        output_dir = Path(str(request.get("output_dir")))
        name = request["export"]["output_file_name"]
        folders = [(output_dir, f".{name}."), (output_dir / f"{name}.frames", ".")]
        for folder, prefix in folders:
            with contextlib.suppress(OSError):
                for entry in folder.iterdir():
                    if entry.name.startswith(prefix) and ".part" in entry.name:
                        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


class _Client:
    """A connection of `daemon start|run`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.canceled = asyncio.Event()
        self._reader = reader
        self._writer = writer

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message; who has gone hears nothing."""
        if not self._writer.is_closing():
            self._writer.write(encode(message))

    async def watch(self) -> None:
        """Take a cancelation; a client that goes away cancels, too."""
        try:
            while line := await self._reader.readline():
                if decode(line).get("request") == "cancel":
                    break
        except (OSError, ProtocolError, ValueError):
            pass
        self.canceled.set()


def supervise(connection_file: Path, job_file: Path, asked: str) -> int:
    """Serve a session until it ends; the exit code of the process.

    Raises
    ------
    ConfigError: the configuration is unusable.
    """
    config = load_config().engine
    job = json.loads(job_file.read_text(encoding="utf-8"))
    adopt_orphans()
    asyncio.run(_serve(Supervisor(connection_file.absolute(), job, asked, config)))
    return 0


async def _serve(supervisor: Supervisor) -> None:
    if sys.platform != "win32":
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, supervisor.end)
    await supervisor.serve()


def _check_run(request: dict[str, Any]) -> None:
    export = request.get("export")
    if request["request"] != "run":
        return
    name = export.get("output_file_name") if isinstance(export, dict) else None
    if not isinstance(name, str) or not isinstance(request.get("output_dir"), str):
        raise EngineFailed({"stage": "open", "message": "the run data names no export"})
    if not name or name in (".", "..") or "/" in name or "\\" in name:
        raise EngineFailed({"stage": "open", "message": f"{name!r} is no file name"})


def _artwork(job: dict[str, Any]) -> dict[str, Any]:
    replacements = job.get("artwork_replacements")
    if replacements is None and isinstance(job.get("details"), dict):
        replacements = job["details"].get("artwork_replacements")
    return {
        "file": job.get("local_artwork_path") or "",
        "bundle_dir": job.get("local_artwork_bundle_dir_path") or "",
        "replacements": [
            {"name": item.get("name") or "", "path": item["local_file_path"]}
            for item in replacements or []
            if item.get("local_file_path")
        ],
    }


def _ready_event(engine: Engine, garment: str) -> dict[str, Any]:
    return {
        "event": "engine_ready",
        "engine": engine.launch.kind,
        "version": engine.hello.get("version", ""),
        "garment": garment,
        "start_s": engine.start_s,
    }


def _exported(reply: dict[str, Any]) -> dict[str, Any]:
    return {key: reply[key] for key in ("output", "size_bytes", "seconds") if key in reply}
