"""Whether this machine can begin a job now."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ..config import Config, load_config
from ..errors import ConfigError

_PROBE = ".can-write"


def unfitness(config: Config) -> str:
    """Why no job may begin on this machine, "" if one may.

    A job that begins all the same would only fail, because of its machine. The configuration is read again because each
    attempt reads it: one that was broken under the running daemon fails them all.
    """
    work_dir = config.worker.work_dir
    try:
        free = shutil.disk_usage(work_dir).free
        if free < config.worker.min_free_bytes:
            return f"only {free >> 20} MiB are free in {work_dir}"
        _try_to_write(work_dir / _PROBE)
    except OSError as error:
        return f"{work_dir} cannot be used: {error.strerror or error}"
    try:
        if config.source is not None:
            load_config(config.source)
    except ConfigError as error:
        return f"the configuration cannot be used: {error}"
    return ""


def _try_to_write(path: Path) -> None:
    with path.open("wb") as file:
        file.write(bytes(4096))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
