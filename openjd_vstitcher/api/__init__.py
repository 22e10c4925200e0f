"""The HTTP API over the configured platform. Only the modules below this package import FastAPI.

It keeps no state of its own: several servers may run side by side and be restarted while jobs run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI

    from ..config import Config


def create_app(config: Config | None = None) -> FastAPI:
    """The application, for uvicorn and for gunicorn with uvicorn workers.

    Parameters
    ----------
    config: without it, the configuration file that `$OPENJD_VS_CONFIG` names, or the user's.

    Raises
    ------
    ConfigError: the configuration is invalid.
    """
    from ..config import load_config
    from .app import build

    return build(config or load_config())
