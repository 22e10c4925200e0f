"""The environment variables of actions: without secrets, with our commands on the path, and with the lifeline."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Collection, Mapping
from pathlib import Path

from ..config import CONFIG_VARIABLE
from ..lifeline import ENGINE_LOG_VARIABLE, LIFELINE_VARIABLE
from ..redaction import is_secret


def session_environment(
    inherited: Mapping[str, str],
    *,
    lifeline: str,
    engine_log: Path,
    config: Path | None,
    secrets: Collection[str] = (),
) -> dict[str, str | None]:
    """The changes to the inherited environment variables for actions. None removes a variable.

    Parameters
    ----------
    inherited: the environment variables of this process.
    lifeline: the address (`host:port`) of this process's `Lifeline`.
    engine_log: the file for the output of the engine.
    config: the configuration file for the commands of the session.
    secrets: the names of further variables that hold credentials.
    """
    changes: dict[str, str | None] = {
        name: None for name, value in inherited.items() if name in secrets or is_secret(name, value)
    }
    changes["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), inherited.get("PATH", os.defpath)])
    changes[LIFELINE_VARIABLE] = lifeline
    changes[ENGINE_LOG_VARIABLE] = str(engine_log)
    if config is not None:
        changes[CONFIG_VARIABLE] = str(config)
    return changes
