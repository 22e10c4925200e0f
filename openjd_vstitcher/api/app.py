"""Puts the application together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from .. import __version__
from ..config import Config
from ..platform.adapters import open_platform
from . import files, old_verbs, presets, runner, state, streams, tasks
from .key_file import KEYS_FILE, KeyFile
from .limits import BodyLimit, RateLimit
from .links import Links
from .models import ProblemDetails
from .problems import MEDIA_TYPE, handle_errors
from .service import Service

LINKS_FILE = "link-key"
_DESCRIPTION = """Hands jobs to VStitcher machines and follows them. docs/api.md has a tour with `curl`.

Errors are problem details (RFC 9457). Answers have an `ETag`; `If-None-Match` and `If-Match` are understood."""
_PROBLEM = {"model": ProblemDetails, "content": {MEDIA_TYPE: {}}}
_ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {**_PROBLEM, "description": "The request is at fault."},
    "5XX": {**_PROBLEM, "description": "The server or the platform is at fault."},
}


def build(config: Config) -> FastAPI:
    """The application over a configuration. It opens the platform when it starts."""
    app = FastAPI(
        title="openjd-vstitcher",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        responses=_ERRORS,
        redirect_slashes=False,
    )
    app.state.config = config
    handle_errors(app)
    app.add_middleware(BodyLimit, most_bytes=config.server.max_body_bytes)
    app.add_middleware(RateLimit, per_second=config.server.requests_per_second)
    for module in (tasks, files, streams, presets, state, runner, old_verbs):
        app.include_router(module.router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    config: Config = app.state.config
    platform = await asyncio.to_thread(open_platform, config.platform)
    try:
        directory = config.server.state_dir
        service = Service(
            config, platform, KeyFile(directory / KEYS_FILE), Links(directory / LINKS_FILE, config.server.link_s)
        )
        app.state.service = service
        service.watcher.start(asyncio.get_running_loop())
        yield
        service.watcher.stop()
        await asyncio.to_thread(service.watcher.join)
    finally:
        platform.close()
