"""The result of a job: what its session left in the output directory as `result.json`."""

from __future__ import annotations

import json
import logging
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..files import write_json
from ..platform.values import MOST_RESULT_BYTES
from ..translation.outputs import RESULT_FILE
from .directory import AttemptDirectory

_log = logging.getLogger(__name__)


def keep_result(output: Path, directory: AttemptDirectory) -> Mapping[str, Any] | None:
    """Move the result of a job into the job directory and return it; None if there is none that can be used.

    Parameters
    ----------
    output: the output directory. Anything could be in it, so only a plain file of a limited size is read.
    """
    try:
        data = json.loads(_plain_file(output / RESULT_FILE))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        _log.warning("the result of the job cannot be used: %s", error)
        return None
    if not isinstance(data, dict):
        _log.warning("the result of the job is not an object")
        return None
    with suppress(OSError):
        write_json(directory.result, data)
        (output / RESULT_FILE).unlink()
    return data


def _plain_file(path: Path) -> bytes:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise ValueError(f"{path.name} is not a plain file")
        if found.st_size > MOST_RESULT_BYTES:
            raise ValueError(f"{path.name} has {found.st_size} bytes; at most {MOST_RESULT_BYTES} are allowed")
        return file.read(MOST_RESULT_BYTES)
