"""What a session gives the supervisor: its connection file, its job, its log and its lifeline."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import EngineError


@dataclass(frozen=True)
class SessionContext:
    """The context of one session.

    Parameters
    ----------
    connection_file: where its clients find the supervisor.
    job: the content of `job.json`.
    log: where the engine's output goes.
    lifeline: `host:port:token` of the session's process, which keeps a connection that gives the token open while it
        runs; "" if there is none.
    """

    connection_file: Path
    job: dict[str, Any]
    log: Path
    lifeline: str

    @classmethod
    def load(cls, request: dict[str, Any]) -> SessionContext:
        """The context for a `connection_file` and `job_file`, with `log` and `lifeline` if given.

        Raises
        ------
        EngineError: the job file cannot be used.
        """
        connection_file = Path(str(request["connection_file"]))
        log = request.get("log") or connection_file.with_name("engine.log")
        job = _read_job(Path(str(request["job_file"])))
        return cls(connection_file, job, Path(log), str(request.get("lifeline") or ""))


def _read_job(path: Path) -> dict[str, Any]:
    try:
        job = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(f"cannot read the job file {path}: {error}") from error
    if not isinstance(job, dict):
        raise EngineError(f"not a job file: {path}")
    return job
