"""Drives one engine process: starts it, gives it one request at a time, watches it, ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import EngineConfig
from ..failures import TAIL_LINES
from . import launchers, popups, windows
from .processes import Process, end_all, memory_of, reap_adopted
from .protocol import ProtocolError, decode, encode
from .watch import Sample, Watch

_TICK_S = 0.25
_WATCH_S = 1.0
_CANCEL_GRACE_S = 8.0
_EXIT_GRACE_S = 5.0
_LOG_LIMIT_BYTES = 32 * 1024 * 1024
_LOG_KEPT_BYTES = 256 * 1024
_TAIL_BYTES = 16 * 1024
_PERCENT = re.compile(rb"(?:progress:?\s*(\d+(?:\.\d+)?)|(\d+(?:\.\d+)?)\s*%)", re.IGNORECASE)


class EngineFailed(Exception):
    """A request failed.

    Parameters
    ----------
    failure: `stage`, `message`, and where known `engine_error`, `exit`, `windows`, `log_tail`.
    canceled: whether it was meant to.
    """

    def __init__(self, failure: dict[str, Any], *, canceled: bool = False) -> None:
        super().__init__(failure["message"])
        self.failure = failure
        self.canceled = canceled


@dataclass
class Order:
    """A request on its way.

    Parameters
    ----------
    message: what the plugin gets.
    tell: called with each message for the client.
    canceled: set when the client withdraws the request.
    output_dir: where files appear, None if the request makes none.
    """

    message: dict[str, Any]
    tell: Callable[[dict[str, Any]], None]
    canceled: asyncio.Event
    output_dir: Path | None = None
    stage: str = "open"


class Engine:
    """One engine, from its start to its end.

    Parameters
    ----------
    launch: what to start.
    log: the file its output is added to.
    """

    def __init__(self, launch: launchers.Launch, config: EngineConfig, connection_file: Path, log: Path) -> None:
        self.launch = launch
        self.hello: dict[str, Any] = {}
        self.start_s = 0.0
        self.started_s = 0.0
        self.first_state: dict[str, Any] = {}
        self.first_memory_bytes = 0
        self._config = config
        self._connection_file = connection_file
        self._log = log
        self._process: Process | None = None
        self._tracer: Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._inbox: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._attached = asyncio.Event()
        self._calls = 0
        self._call: str | None = None
        self._ids = 0
        self._screen: windows.Screen | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs and is connected."""
        running = self._process is not None and self._process.exit_code() is None
        return running and self._writer is not None and not self._writer.is_closing()

    @property
    def awaited(self) -> bool:
        """Whether it was started and has not connected yet."""
        return self._process is not None and not self._attached.is_set()

    @property
    def pid(self) -> int:
        """The process id; 0 before the start."""
        return self._process.pid if self._process else 0

    @property
    def memory_bytes(self) -> int:
        """Resident memory of the process, 0 where that is not known."""
        return memory_of(self.pid)

    @property
    def left_behind(self) -> int:
        """How many processes it has started that still run."""
        return self._process.left_behind() if self._process else 0

    async def start(self) -> None:
        """Start it and wait until its plugin has connected.

        Raises
        ------
        EngineFailed: it could not be started, ended, or did not connect within the start limit.
        """
        begun = self.started_s = time.monotonic()
        limit_s = self._config.start_limit_s
        environment = self._environment()
        recorded = environment.get(launchers.WINDOWS_VARIABLE)
        self._screen = windows.screen(Path(recorded) if recorded else None)
        try:
            self._process = Process(self.launch.command, environment, self._log)
        except OSError as error:
            problem = f"Failed to start: {self.launch.command[0]}: {error.strerror or error}"
            raise self.failed("start", problem) from error
        while not self._attached.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._attached.wait(), _TICK_S)
                break
            if self._process.exit_code() is not None:
                raise self.failed("start", "Failed to start: the engine ended before it was ready")
            if time.monotonic() - begun > limit_s:
                hint = " (is the plugin installed? openjd-vs plugin status)" if self.launch.kind == "vstitcher" else ""
                late = f"Failed to start: the engine was not ready after {limit_s:g} s{hint}"
                raise self.failed("start", late, looked=True)
            self._answer_popups("start")
            self._trim_log()
        self.start_s = round(time.monotonic() - begun, 3)

    def attach(self, hello: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        """Take the connection of the plugin."""
        self.hello = hello
        self._writer = writer
        self._attached.set()

    async def listen(self, reader: asyncio.StreamReader) -> None:
        """Take the plugin's messages until the connection closes."""
        try:
            while line := await reader.readline():
                message = decode(line)
                if message.get("type") == "heartbeat":
                    self._calls, self._call = message.get("calls", 0), message.get("call")
                else:
                    self._inbox.put_nowait(message)
        except (ProtocolError, ValueError, OSError):
            pass
        self._inbox.put_nowait(None)

    async def request(self, order: Order) -> dict[str, Any]:
        """Have the plugin fulfil one request.

        Returns
        -------
        The plugin's reply.

        Raises
        ------
        EngineFailed: the request failed, was canceled, took too long, or the engine ended or hung. In the last two
        cases the engine is gone.
        """
        try:
            return await self._fulfil(order)
        finally:
            self._trim_log()

    async def _fulfil(self, order: Order) -> dict[str, Any]:
        self._ids += 1
        await self._send({**order.message, "id": self._ids})
        vigil = _Vigil(self, order)
        while True:
            reply = await self._next(_TICK_S)
            if reply is None:
                self._check(vigil)
                continue
            if reply.pop("id", None) != self._ids:
                continue
            kind = reply.pop("type", None)
            if kind == "done":
                return reply
            if kind == "canceled":
                raise self.failed(order.stage, "canceled", canceled=True)
            if kind == "failed":
                raise self.failed(order.stage, str(reply.get("message")), engine_error=reply.get("engine_error"))
            await self._take(kind, reply, vigil)

    async def stop(self) -> None:
        """Let it close the garment and end; kill what is left of it."""
        if self.alive:
            with contextlib.suppress(EngineFailed):
                await self._send({"request": "exit"})
                deadline = time.monotonic() + _EXIT_GRACE_S
                while self.alive and time.monotonic() < deadline:
                    await self._next(0.02)
        self.kill()

    def kill(self) -> None:
        """End it at once, with all that it started."""
        end_all([process for process in (self._tracer, self._process) if process is not None])
        self._tracer = None
        if self._writer is not None:
            self._writer.close()

    def failed(
        self, stage: str, message: str, *, looked: bool = False, canceled: bool = False, engine_error: Any = None
    ) -> EngineFailed:
        """A failure with what can be seen of the engine now.

        Parameters
        ----------
        looked: list the engine's windows, too.
        """
        failure: dict[str, Any] = {"stage": stage, "message": message, "engine_error": engine_error}
        code = self._process.exit_code() if self._process else None
        failure["exit"] = _ending(code) if code is not None else None
        if looked and self._screen is not None:
            failure["windows"] = [str(window) for window in self._screen.windows(self.pid)]
        if not canceled:
            failure["log_tail"] = self.log_tail()
        return EngineFailed(failure, canceled=canceled)

    def log_tail(self) -> list[str]:
        """The last lines of its output."""
        with contextlib.suppress(OSError), self._log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return file.read().decode("utf-8", "replace").splitlines()[-TAIL_LINES:]
        return []

    def sample(self, output_dir: Path | None) -> Sample:
        """What can be seen of it now."""
        cpu_s = sum(process.cpu_s() for process in (self._process, self._tracer) if process is not None)
        written = _size(self._log) + (_folder_size(output_dir) if output_dir else 0)
        return Sample(time.monotonic(), cpu_s, written, self._calls)

    def _environment(self) -> dict[str, str]:
        return launchers.environment(self.launch, self._config, self._connection_file, self._log, os.environ)

    async def _send(self, message: dict[str, Any]) -> None:
        if self._writer is None:
            raise self.failed("open", "the engine is not connected")
        try:
            self._writer.write(encode(message))
            await self._writer.drain()
        except OSError as error:
            raise self.failed("open", f"the engine does not listen: {error}") from error

    async def _next(self, limit_s: float) -> dict[str, Any] | None:
        try:
            message = await asyncio.wait_for(self._inbox.get(), limit_s)
        except TimeoutError:
            return None
        if message is None and self._writer is not None:
            self._writer.close()
        return message

    async def _take(self, kind: Any, reply: dict[str, Any], vigil: _Vigil) -> None:
        order = vigil.order
        if kind == "stage":
            order.stage = str(reply.get("stage"))
            order.tell({"type": "stage", "stage": order.stage})
        elif kind in ("progress", "status", "event"):
            order.tell({"type": kind, **reply})
        elif kind == "wait":
            await asyncio.sleep(min(max(float(reply.get("seconds", 0.1)), 0.01), 1.0))
            self._check(vigil)
            await self._send({"request": "resume", "id": self._ids})
        elif kind == "process":
            code = await self._run(str(reply.get("command")), vigil)
            self._check(vigil)
            await self._send({"request": "resume", "id": self._ids, "code": code, "ending": _ending(code)})

    async def _run(self, command: str, vigil: _Vigil) -> int:
        """Run a command line that the engine gave for rendering outside of it; its exit code."""
        position = _size(self._log)
        try:
            arguments = command if sys.platform == "win32" else shlex.split(command)
            self._tracer = Process(arguments, self._environment(), self._log)
        except (OSError, ValueError) as error:
            raise self.failed("export", f"cannot start the ray tracer: {error}") from error
        try:
            while (code := self._tracer.exit_code()) is None:
                if vigil.order.canceled.is_set():
                    return -signal.SIGTERM
                self._check(vigil)
                position = self._read_progress(position, vigil.order)
                await asyncio.sleep(_TICK_S)
            return code
        finally:
            if self._tracer is not None:
                self._tracer.end()
                self._tracer = None

    def _read_progress(self, position: int, order: Order) -> int:
        with self._log.open("rb") as file:
            file.seek(position)
            text = file.read(64 * 1024)
        if found := _PERCENT.findall(text):
            percent = next(part for part in found[-1] if part)
            order.tell({"type": "progress", "value": min(float(percent), 100.0)})
        return position + len(text)

    def _check(self, vigil: _Vigil) -> None:
        """Raise if the engine has ended, hangs, took too long, or did not heed a cancelation."""
        if not self.alive:
            self._wait_for_exit()
            raise self._over(vigil, "the engine ended in the middle of it" + self._in_call())
        vigil.check_cancelation()
        limit_s = self._config.export_limit_s
        if time.monotonic() - vigil.begun_s > limit_s:
            raise self._over(vigil, f"timed out after {limit_s / 60:g} minutes{self._in_call()}", looked=True)
        if vigil.due():
            self._trim_log()
            reap_adopted(process.pid for process in (self._process, self._tracer) if process is not None)
            self._answer_popups(vigil.order.stage, vigil)
            if vigil.hung():
                idle = f"no processor use, no output and no call for {self._config.hang_limit_s:g} s"
                raise self._over(vigil, f"the engine hangs{self._in_call()}: {idle}", looked=True)

    def _over(self, vigil: _Vigil, message: str, *, looked: bool = False) -> EngineFailed:
        error = self.failed(vigil.order.stage, message, looked=looked)
        self.kill()
        return error

    def _wait_for_exit(self) -> None:
        """The connection closes a moment before the process has ended: wait for its exit code."""
        deadline = time.monotonic() + 1.0
        while self._process and self._process.exit_code() is None and time.monotonic() < deadline:
            time.sleep(0.01)

    def _in_call(self) -> str:
        return f" (in {self._call})" if self._call else ""

    def _answer_popups(self, stage: str, vigil: _Vigil | None = None) -> None:
        if self._screen is None or not self._config.popup:
            return
        deed = popups.decide(self._screen.windows(self.pid), self._config.popup)
        if isinstance(deed, popups.Press):
            self._screen.press(deed)
            if vigil is not None:
                text = f"answered the engine's window {deed.window} with {deed.button}"
                vigil.order.tell({"type": "status", "text": text})
        elif isinstance(deed, popups.Refuse):
            message = f"the engine shows a window: {deed.window}"
            error = self.failed(stage, message, looked=True)
            self.kill()
            raise error

    def _trim_log(self) -> None:
        """Keep an engine that prints without end from filling the disk; its log is opened for appending (POSIX)."""
        if os.name == "nt" or _size(self._log) <= _LOG_LIMIT_BYTES:
            return
        with self._log.open("r+b") as file:
            file.seek(-_LOG_KEPT_BYTES, os.SEEK_END)
            kept = file.read()
            file.seek(0)
            file.truncate()
            file.write(b"[earlier output was dropped]\n" + kept)


class _Vigil:
    """What the watching of one request remembers."""

    def __init__(self, engine: Engine, order: Order) -> None:
        self.order = order
        self.begun_s = time.monotonic()
        self._engine = engine
        self._next_s = self.begun_s + _WATCH_S
        self._canceled_s: float | None = None
        self._watch: Watch | None = None

    def due(self) -> bool:
        """Whether it is time to look."""
        if time.monotonic() < self._next_s:
            return False
        self._next_s = time.monotonic() + _WATCH_S
        return True

    def hung(self) -> bool:
        """Whether the engine shows no sign of life. The first look only begins to watch: most requests end before."""
        sample, config = self._engine.sample(self.order.output_dir), self._engine._config
        if self._watch is None:
            self._watch = Watch(sample, hang_limit_s=config.hang_limit_s, idle_cpu_share=config.idle_cpu_share)
        return self._watch.hung(sample)

    def check_cancelation(self) -> None:
        """Pass a cancelation on; kill the engine when it does not heed it in time."""
        if not self.order.canceled.is_set():
            return
        if self._canceled_s is None:
            self._canceled_s = time.monotonic()
            assert self._engine._writer is not None
            self._engine._writer.write(encode({"request": "cancel", "id": self._engine._ids}))
        elif time.monotonic() - self._canceled_s > _CANCEL_GRACE_S:
            self._engine.kill()
            raise self._engine.failed(self.order.stage, "canceled; the engine was killed", canceled=True)


def _ending(code: int) -> str:
    if code < 0:
        try:
            return f"was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"was ended by signal {-code}"
    return f"ended with exit code {code}"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _folder_size(folder: Path) -> int:
    """Bytes below a folder, so that a growing part file is noticed wherever it grows."""
    total = 0
    for base, _folders, names in os.walk(folder):
        total += sum(_size(Path(base, name)) for name in names)
    return total
