"""The configuration: one TOML file, one dataclass for each table."""

from __future__ import annotations

from .file import load_config
from .services import LogConfig, ServerConfig
from .storage import LocalStorageConfig, S3StorageConfig, StorageConfig
from .tables import (
    CONFIG_VARIABLE,
    ENGINE_KINDS,
    Config,
    EngineConfig,
    InputsConfig,
    OutputsConfig,
    PlatformConfig,
    PopupRule,
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
