"""What the commands that run unattended do first: take over their secrets, guard them, and log without them."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..config import Config, LogConfig

COMMAND_LINE = "command line"
"""The object of the root context of a command that is a process of its own, rather than called by other code."""


def begin(config_path: Path | None, *, log_file: bool = False) -> Config:
    """Begin a process that holds credentials. Returns the configuration.

    Parameters
    ----------
    log_file: log into the configured file too. Only one process at a time may do that.

    Raises
    ------
    OpenjdVsError: the configuration is invalid, or the secrets did not arrive.
    """
    from ..config import load_config
    from ..handover import make_unreadable, receive, restart_without_secrets

    handed_over = receive()
    config = load_config(config_path)
    if click.get_current_context().find_root().obj == COMMAND_LINE:
        if not handed_over:
            restart_without_secrets(config.secret_variables)
        make_unreadable()
        _log_without_secrets(config, log_file=log_file)
    return config


def _log_without_secrets(config: Config, *, log_file: bool) -> None:
    from ..log_lines import LogFormatter

    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if log_file and config.log.file is not None:
        handlers.append(_rotating(config.log))
    for handler in handlers:
        handler.setFormatter(LogFormatter(config.secret_variables, as_json=config.log.format == "json"))
    logging.basicConfig(level=logging.INFO, handlers=handlers)

    def log_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        logging.getLogger("openjd_vstitcher").critical("the process ends", exc_info=(kind, error, trace))

    sys.excepthook = log_error


def _rotating(log: LogConfig) -> logging.Handler:
    from logging.handlers import RotatingFileHandler

    from ..errors import ConfigError

    assert log.file is not None
    try:
        log.file.parent.mkdir(parents=True, exist_ok=True)
        return RotatingFileHandler(
            log.file, maxBytes=log.max_bytes, backupCount=log.keep_files, encoding="utf-8", errors="backslashreplace"
        )
    except OSError as error:
        raise ConfigError(f"log.file: cannot write {log.file}: {error.strerror}") from error
