"""Chooses the storage adapter from the configuration."""

from __future__ import annotations

from ..config import StorageConfig
from ..errors import ConfigError
from .ports import Storage


def open_storage(config: StorageConfig) -> Storage:
    """The storage that the configuration names.

    Raises
    ------
    ConfigError: the kind is unknown, or an option is unusable.
    """
    if config.kind == "local":
        from .local import LocalStorage

        return LocalStorage(config)
    if config.kind == "s3":
        from .s3.storage import S3Storage

        return S3Storage(config)
    raise ConfigError(f"storage.kind: expected local or s3, found {config.kind!r}")
