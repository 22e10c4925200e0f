"""Chooses the storage adapter from the configuration."""

from __future__ import annotations

from ..config import Config
from ..errors import ConfigError
from .ports import Storage


def open_storage(config: Config) -> Storage:
    """The storage that the configuration names.

    Raises
    ------
    ConfigError: the kind is unknown, or an option is unusable.
    """
    storage = config.storage
    if storage.kind == "local":
        from .local import LocalStorage

        return LocalStorage(storage, config.inputs.read_from)
    if storage.kind == "s3":
        from .s3.storage import S3Storage

        return S3Storage(storage, config.inputs.read_from)
    raise ConfigError(f"storage.kind: expected local or s3, found {storage.kind!r}")
