"""The configuration: one TOML file, one dataclass for each table."""

from __future__ import annotations

from .file import load_config
from .tables import (
    CONFIG_VARIABLE,
    ENGINE_KINDS,
    Config,
    EngineConfig,
    InputsConfig,
    LocalStorageConfig,
    LogConfig,
    OutputsConfig,
    PlatformConfig,
    PopupRule,
    S3StorageConfig,
    ServerConfig,
    StorageConfig,
    WorkerConfig,
    default_config_path,
)

__all__ = [
    "CONFIG_VARIABLE",
    "ENGINE_KINDS",
    "Config",
    "EngineConfig",
    "InputsConfig",
    "LocalStorageConfig",
    "LogConfig",
    "OutputsConfig",
    "PlatformConfig",
    "PopupRule",
    "S3StorageConfig",
    "ServerConfig",
    "StorageConfig",
    "WorkerConfig",
    "default_config_path",
    "load_config",
]
