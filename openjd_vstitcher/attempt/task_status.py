"""The status file of a task that `openjd-vs run-task` runs: its states with their times, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..events import JobStatus
from ..files import write_json
from .one_shot import TASK_ID


class TaskStatus:
    """Keeps the status file of one task, in the form of `schemas/task_status.schema.json`.

    Parameters
    ----------
    path: the file. It is replaced.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._states: list[dict[str, str]] = []
        self._say("NEW")

    def started(self) -> None:
        """Say that the task runs."""
        self._say("IN_PROGRESS")

    def ended(
        self,
        state: JobStatus,
        exit_code: int,
        *,
        outputs: Sequence[dict[str, Any]] = (),
        failures: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Say how the task ended.

        Parameters
        ----------
        exit_code: of the command.
        outputs: each file with its name, state and size in bytes.
        """
        self._say(state, exit_code=exit_code, outputs=list(outputs), failures=list(failures))

    def _say(self, state: JobStatus, **more: Any) -> None:
        self._states.append({"state": state, "at": datetime.now(UTC).isoformat(timespec="milliseconds")})
        at = {each["state"]: each["at"] for each in self._states}
        status = {
            "id": TASK_ID,
            "state": state,
            "created_at": at["NEW"],
            "started_at": at.get("IN_PROGRESS"),
            "ended_at": self._states[-1]["at"] if "exit_code" in more else None,
            "states": self._states,
            "exit_code": None,
            "outputs": [],
            "failures": [],
        }
        write_json(self._path, {**status, **more})
