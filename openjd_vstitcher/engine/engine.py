"""One engine process: starts it, gives it one request at a time, and ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path
from typing import Any

from ..config import EngineConfig
from ..failures import EngineFailed
from . import launchers, popups
from .engine_log import EngineLog
from .hang import Sample
from .monitor import RequestMonitor
from .plugin_connection import PluginConnection
from .processes import Process, describe_exit, end_all, memory_of, reap_adopted
from .protocol import ProtocolError
from .ray_tracer import RayTracer
from .requests import EngineRequest
from .screen import Screen, find_screen

_POLL_S = 0.25
_EXIT_GRACE_S = 5.0
_EXIT_CODE_GRACE_S = 1.0


class Engine:
    """One engine, from its start to its end.

    Parameters
    ----------
    launch: what to start.
    connection_file: where its plugin finds the supervisor.
    log: the file that its output is appended to.

    Attributes
    ----------
    start_s: how long its start took.
    started_s: when it was started, by the monotonic clock.
    first_state, first_memory_bytes: its state when it was new and its memory after the first session, if recorded.
    """

    def __init__(self, launch: launchers.Launch, config: EngineConfig, connection_file: Path, log: Path) -> None:
        self.launch = launch
        self.plugin = PluginConnection()
        self.start_s = 0.0
        self.started_s = 0.0
        self.first_state: dict[str, Any] = {}
        self.first_memory_bytes = 0
        self._config = config
        self._environment = launchers.environment(launch, config, connection_file, log, os.environ)
        self._log = EngineLog(log)
        self._screen: Screen | None = None
        self._process: Process | None = None
        self._ray_tracer: RayTracer | None = None
        self._request_id = 0

    @property
    def alive(self) -> bool:
        """True while it runs and its plugin is connected."""
        running = self._process is not None and self._process.exit_code() is None
        return running and self.plugin.open

    @property
    def connecting(self) -> bool:
        """True if it was started and its plugin has not connected yet."""
        return self._process is not None and not self.plugin.attached

    @property
    def current_call(self) -> str:
        """The API call that it is in, "" if none is known."""
        return self.plugin.current_call

    @property
    def memory_bytes(self) -> int:
        """Resident memory of the process, 0 if unknown."""
        return memory_of(self._process.pid) if self._process else 0

    @property
    def leftover_processes(self) -> int:
        """How many processes it has started that still run."""
        return self._process.count_descendants() if self._process else 0

    async def start(self) -> None:
        """Start it and wait until its plugin has connected.

        Raises
        ------
        EngineFailed: it could not be started, exited, or did not connect within the start limit.
        """
        self.started_s = time.monotonic()
        recorded = self._environment.get(launchers.WINDOWS_VARIABLE)
        self._screen = find_screen(Path(recorded) if recorded else None)
        try:
            self._process = Process(self.launch.command, self._environment, self._log.path)
        except OSError as error:
            problem = f"Failed to start: {self.launch.command[0]}: {error.strerror or error}"
            raise self.failure("start", problem) from error
        while not await self.plugin.wait_attached(_POLL_S):
            self._check_start()
        self.start_s = round(time.monotonic() - self.started_s, 3)

    def _check_start(self) -> None:
        if self._process is not None and self._process.exit_code() is not None:
            raise self.failure("start", "Failed to start: the engine exited before it was ready")
        limit_s = self._config.start_limit_s
        if time.monotonic() - self.started_s > limit_s:
            hint = " (is the plugin installed? openjd-vs plugin status)" if self.launch.kind == "vstitcher" else ""
            message = f"Failed to start: the engine was not ready after {limit_s:g} s{hint}"
            raise self.failure("start", message, with_windows=True)
        self.handle_popups("start")
        self._log.trim()

    async def request(self, request: EngineRequest) -> dict[str, Any]:
        """Have the plugin carry out one request.

        Returns
        -------
        The plugin's reply.

        Raises
        ------
        EngineFailed: the request failed, was canceled, took too long, or the engine exited or hung. After the last
        three the engine is gone.
        """
        self._request_id += 1
        monitor = RequestMonitor(self, request, self._config)
        try:
            await self._send({**request.message, "id": self._request_id})
            return await self._wait_for_reply(request, monitor)
        finally:
            self._log.trim()

    async def close_garment(self, canceled: asyncio.Event | None = None) -> dict[str, Any]:
        """Close the garment; the application's state without one, to compare a used engine with a new one.

        Raises
        ------
        EngineFailed: see `request`.
        """
        request = EngineRequest({"request": "work", "garment": None}, canceled=canceled or asyncio.Event())
        return await self.request(request)

    async def stop(self) -> None:
        """Let it close the garment and exit; kill it if it does not."""
        if self.alive:
            with contextlib.suppress(EngineFailed):
                await self._send({"request": "exit"})
                deadline = time.monotonic() + _EXIT_GRACE_S
                while self.alive and time.monotonic() < deadline:
                    await self.plugin.receive(0.02)
        self.kill()

    def kill(self) -> None:
        """End it at once, with all processes that it started."""
        end_all(self._processes())
        self._ray_tracer = None
        self.plugin.close()

    def cancel(self) -> None:
        """Ask the plugin to cancel the current request."""
        self.plugin.send_soon({"request": "cancel", "id": self._request_id})

    def failure(
        self,
        stage: str,
        message: str,
        *,
        with_windows: bool = False,
        canceled: bool = False,
        engine_error: Any = None,
    ) -> EngineFailed:
        """A failure with the current state of the engine: exit code, last output.

        Parameters
        ----------
        with_windows: list the engine's windows too.
        """
        failure: dict[str, Any] = {"stage": stage, "message": message, "engine_error": engine_error}
        code = self._process.exit_code() if self._process else None
        failure["exit"] = describe_exit(code) if code is not None else None
        if with_windows and self._screen is not None:
            failure["windows"] = [str(window) for window in self._windows()]
        if not canceled:
            failure["log_tail"] = self._log.tail()
        return EngineFailed(failure, canceled=canceled)

    def sample(self, output_dir: Path | None) -> Sample:
        """Its activity now, with that of the ray tracer."""
        cpu_s = sum(process.cpu_s() for process in self._processes())
        written = self._log.size() + (_folder_size(output_dir) if output_dir else 0)
        return Sample(time.monotonic(), cpu_s, written, self.plugin.calls)

    def handle_popups(self, stage: str) -> str:
        """Apply the popup rules of the configuration to the engine's windows.

        Returns
        -------
        What was done, for the client; "" if nothing.

        Raises
        ------
        EngineFailed: a rule says that a window fails the request. The engine is gone then.
        """
        action = popups.decide(self._windows(), self._config.popup) if self._config.popup else None
        if isinstance(action, popups.Press) and self._screen is not None:
            self._screen.press(action)
            return f"clicked {action.button} in the engine's window {action.window}"
        if isinstance(action, popups.Fail):
            error = self.failure(stage, f"the engine is showing a window: {action.window}", with_windows=True)
            self.kill()
            raise error
        return ""

    def housekeep(self) -> None:
        """Trim the log and reap adopted processes that have exited."""
        self._log.trim()
        reap_adopted(process.pid for process in self._processes())

    def wait_for_exit(self) -> None:
        """Wait briefly for the exit code: the connection closes a moment before the process exits."""
        deadline = time.monotonic() + _EXIT_CODE_GRACE_S
        while self._process and self._process.exit_code() is None and time.monotonic() < deadline:
            time.sleep(0.01)

    def _processes(self) -> list[Process]:
        tracer = self._ray_tracer.process if self._ray_tracer else None
        return [process for process in (tracer, self._process) if process is not None]

    def _windows(self) -> list[popups.Window]:
        return self._screen.windows(self._process.pid) if self._screen and self._process else []

    async def _send(self, message: dict[str, Any]) -> None:
        try:
            await self.plugin.send(message)
        except ProtocolError as error:
            raise self.failure("open", str(error)) from error

    async def _wait_for_reply(self, request: EngineRequest, monitor: RequestMonitor) -> dict[str, Any]:
        while True:
            reply = await self.plugin.receive(_POLL_S)
            if reply is None:
                monitor.check()
                continue
            if reply.pop("id", None) != self._request_id:
                continue
            kind = reply.pop("type", None)
            if kind == "done":
                return reply
            if kind == "canceled":
                raise self.failure(request.stage, "canceled", canceled=True)
            if kind == "failed":
                raise self.failure(request.stage, str(reply.get("message")), engine_error=reply.get("engine_error"))
            await self._handle(kind, reply, request, monitor)

    async def _handle(self, kind: Any, reply: dict[str, Any], request: EngineRequest, monitor: RequestMonitor) -> None:
        """Handle a message that the plugin sent before its reply."""
        if kind == "stage":
            request.stage = str(reply.get("stage"))
            request.send({"type": "stage", "stage": request.stage})
        elif kind in ("progress", "status", "event"):
            request.send({"type": kind, **reply})
        elif kind == "wait":
            await asyncio.sleep(min(max(float(reply.get("seconds", 0.1)), 0.01), 1.0))
            monitor.check()
            await self._send({"request": "resume", "id": self._request_id})
        elif kind == "process":
            code = await self._ray_trace(str(reply.get("command")), request, monitor)
            monitor.check()
            await self._send({"request": "resume", "id": self._request_id, "code": code, "ending": describe_exit(code)})

    async def _ray_trace(self, command: str, request: EngineRequest, monitor: RequestMonitor) -> int:
        try:
            tracer = self._ray_tracer = RayTracer(command, self._environment, self._log)
        except (OSError, ValueError) as error:
            raise self.failure("export", f"cannot start the ray tracer: {error}") from error
        try:
            return await tracer.wait(request, monitor.check)
        finally:
            tracer.process.end()
            self._ray_tracer = None


def _folder_size(folder: Path) -> int:
    """Bytes of all files below a folder, so that a growing temporary file counts as activity wherever it is."""
    total = 0
    for base, _folders, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += Path(base, name).stat().st_size
    return total
