"""What the directory of an attempt says to the daemon: whether its process has begun, lives, and told how it ended."""

from __future__ import annotations

import logging
import os
from datetime import datetime

from ..attempt.directory import AttemptDirectory
from ..attempt.outcome import is_machine_fault
from ..attempt.status import StatusUnreadable, read_status

_log = logging.getLogger(__name__)


def is_reported(directory: AttemptDirectory) -> bool:
    """Whether the queue knows the outcome of an attempt. A disk that cannot be read counts as no."""
    return os.path.exists(directory.reported)  # noqa: PTH110  # Path.exists raises if the disk fails


def has_begun(directory: AttemptDirectory) -> bool:
    """Whether the process of an attempt has written its status, which it does before anything else."""
    return os.path.exists(directory.status)  # noqa: PTH110  # Path.exists raises if the disk fails


def is_fault_of_machine(directory: AttemptDirectory) -> bool:
    """Whether an attempt that has ended never began, or says that this machine could not make it."""
    if not has_begun(directory):
        return True
    try:
        status = read_status(directory.status)
    except StatusUnreadable:
        return False
    return status is not None and is_machine_fault(status.outcome)


def heartbeat(directory: AttemptDirectory) -> datetime | None:
    """When the process of an attempt last wrote its status; None where that is not known."""
    try:
        status = read_status(directory.status)
    except StatusUnreadable as error:
        _log.debug("%s", error)
        return None
    return status.heartbeat if status is not None else None
