"""Runs the clients' requests on the engine, one at a time, and starts the engine when it is not running."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any

from ..config import EngineConfig
from ..errors import OpenjdVsError
from ..failures import EngineFailed
from . import launchers, requests
from .engine import Engine
from .listener import Client
from .requests import EngineRequest
from .session_context import SessionContext


class RequestRunner:
    """Owns the engine of a supervisor.

    Parameters
    ----------
    kind: the `Engine` parameter.
    log: where the engine's output goes.
    keep_warm: record the state of a new engine, to find out later what sessions changed.
    """

    def __init__(self, kind: str, config: EngineConfig, log: Path, *, keep_warm: bool) -> None:
        self.engine: Engine | None = None
        self.last_used_s = time.monotonic()
        self._kind = kind
        self._config = config
        self._log = log
        self._keep_warm = keep_warm
        self._lock = asyncio.Lock()

    @property
    def busy(self) -> bool:
        """True while a request is running."""
        return self._lock.locked()

    async def run(self, request: dict[str, Any], client: Client, context: SessionContext, *, warm: bool) -> None:
        """Run an `open` or `run` request, and send the client its messages and its result.

        Parameters
        ----------
        warm: the engine has served another session before.
        """
        watch = asyncio.create_task(client.wait_for_cancelation())
        try:
            requests.validate(request)
            async with self._lock:
                await self._run(request, client, context, warm=warm)
            client.send({"type": "done"})
        except EngineFailed as error:
            failure = dict(error.failure)
            export = request.get("export")
            if isinstance(export, dict) and request["request"] == "run":
                failure |= {"export": export.get("output_file_name"), "parameters": export}
                with contextlib.suppress(EngineFailed):
                    requests.validate(request)
                    requests.remove_partial_files(request)
            client.send({"type": "canceled" if error.canceled else "failed", "failure": failure})
        finally:
            watch.cancel()
            self.last_used_s = time.monotonic()

    async def _run(self, request: dict[str, Any], client: Client, context: SessionContext, *, warm: bool) -> None:
        if client.canceled.is_set():
            raise EngineFailed({"stage": "open", "message": "canceled"}, canceled=True)
        engine = await self._running_engine(client, context, opening=request["request"] == "open")
        message = requests.plugin_message(context.job, request)
        output_dir = Path(message["output_dir"]) if "output_dir" in message else None
        reply = await engine.request(EngineRequest(message, client.send, client.canceled, output_dir))
        if output_dir is None:
            client.event(
                "engine_ready",
                engine=engine.launch.kind,
                version=engine.plugin.hello.get("version", ""),
                garment=reply.get("name"),
                start_s=0.0 if warm else engine.start_s,
                kept=warm,
            )
        else:
            client.send({"type": "progress", "value": 100.0})
            client.event("exported", **{key: reply.get(key) for key in ("output", "size_bytes", "seconds")})

    async def _running_engine(self, client: Client, context: SessionContext, *, opening: bool) -> Engine:
        """The engine; it is started for the first request, and after a failure that ended it."""
        launch = self._launch()
        if launch.notice and opening:
            client.send({"type": "notice", "text": launch.notice})
        restarting = self.engine is not None
        if self.engine is not None:
            if self.engine.alive:
                return self.engine
            self.engine.kill()
        self.engine = Engine(launch, self._config, context.connection_file, self._log)
        try:
            await self.engine.start()
            if self._keep_warm:
                self.engine.first_state = await self.engine.close_garment(client.canceled)
        except EngineFailed:
            self.engine.kill()
            raise
        if restarting:
            client.event("engine_restarted", start_s=self.engine.start_s)
        return self.engine

    def _launch(self) -> launchers.Launch:
        if self.engine is not None:
            return self.engine.launch
        try:
            return launchers.choose(self._kind, self._config)
        except OpenjdVsError as error:
            raise EngineFailed({"stage": "start", "message": f"Failed to start: {error}"}) from error
