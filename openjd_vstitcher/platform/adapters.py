"""Chooses the adapter of queue and catalogue from the configuration."""

from __future__ import annotations

from ..config import PlatformConfig
from ..errors import ConfigError
from .ports import Platform


def open_platform(config: PlatformConfig) -> Platform:
    """Connect to the configured platform.

    Raises
    ------
    ConfigError: the configured kind does not exist.
    PlatformError: it cannot be reached, or lacks what this project needs.
    """
    if config.kind == "embedded":
        from .embedded.platform import EmbeddedPlatform

        return EmbeddedPlatform(config.path)
    if config.kind == "hasura":
        from .hasura.platform import HasuraPlatform

        return HasuraPlatform(config)
    if config.kind == "http":
        from .http.platform import HttpPlatform

        return HttpPlatform(config)
    raise ConfigError(f"platform.kind: expected embedded, hasura or http, found {config.kind!r}")
