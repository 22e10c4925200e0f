"""Chooses the storage adapter from the configuration. A new adapter is one line in `ADAPTERS`."""

from __future__ import annotations

import importlib

from ..config import Config
from ..errors import ConfigError
from .ports import Storage

ADAPTERS = {
    "local": "openjd_vstitcher.storage.local:LocalStorage",
    "s3": "openjd_vstitcher.storage.s3.storage:S3Storage",
}
"""By `storage.kind`: the class, made with `[storage]` and `inputs.read_from`, and imported only where it is used."""


def open_storage(config: Config) -> Storage:
    """The storage that the configuration names.

    Raises
    ------
    ConfigError: the kind is unknown, or an option is unusable.
    """
    if config.storage.kind not in ADAPTERS:
        raise ConfigError(f"storage.kind: expected {' or '.join(ADAPTERS)}, found {config.storage.kind!r}")
    module, _, name = ADAPTERS[config.storage.kind].partition(":")
    storage: Storage = getattr(importlib.import_module(module), name)(config.storage, config.inputs.read_from)
    return storage
