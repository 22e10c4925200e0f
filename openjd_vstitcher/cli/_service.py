"""What the commands that run unattended do first: take over their secrets, guard them, and log without them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..config import Config

COMMAND_LINE = "command line"
"""The object of the root context of a command that is a process of its own, rather than called by other code."""


def begin(config_path: Path | None) -> Config:
    """Begin a process that holds credentials. Returns the configuration.

    Raises
    ------
    OpenjdVsError: the configuration is invalid, or the secrets did not arrive.
    """
    from ..config import load_config
    from ..handover import make_unreadable, receive, restart_without_secrets

    handed_over = receive()
    config = load_config(config_path)
    also = config.secret_variables
    if click.get_current_context().find_root().obj == COMMAND_LINE:
        if not handed_over:
            restart_without_secrets(also)
        make_unreadable()
        _log_without_secrets(also)
    return config


def _log_without_secrets(also: Collection[str]) -> None:
    from ..redaction import RedactingFormatter

    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter(also))
    logging.basicConfig(level=logging.INFO, handlers=[handler])

    def log_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        logging.getLogger("openjd_vstitcher").critical("the process ends", exc_info=(kind, error, trace))

    sys.excepthook = log_error
