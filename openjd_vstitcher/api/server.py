"""Runs the application with uvicorn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import uvicorn

from ..config import Config
from . import create_app

_GRACE_S = 10


class _Server(uvicorn.Server):
    """Ends the streams when it is told to stop: they would keep it waiting."""

    def __init__(self, config: uvicorn.Config, app: Any, on_ready: Callable[[str], None]) -> None:
        super().__init__(config)
        self._app = app
        self._on_ready = on_ready

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._on_ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")

    def handle_exit(self, *_: Any) -> None:
        service = getattr(self._app.state, "service", None)
        if service is not None:
            service.watcher.stop()
        # Not uvicorn's own way, which raises the signal again at the end, as if the process had not ended in order.
        self.force_exit = self.should_exit
        self.should_exit = True


def serve(config: Config, *, on_ready: Callable[[str], None]) -> bool:
    """Serve until SIGINT or SIGTERM. Returns whether it could start.

    Parameters
    ----------
    on_ready: called with the server's URL when it listens.
    """
    app = create_app(config)
    options = uvicorn.Config(
        app,
        host=config.server.host,
        port=config.server.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Server(options, app, on_ready)
    server.run()
    return server.started
