"""The directory of one attempt at a job: which file is what, and the request that it was made for."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from ..errors import InvalidInput, Problem
from ..platform import Claim, Job

_TIMES = ("created_at", "updated_at", "started_at", "ended_at", "lease_expires_at")


@dataclass(frozen=True)
class JobRequest:
    """What an attempt was started with. Holds no credential.

    Parameters
    ----------
    job: the queue's row, as JSON data.
    preset: the preset's row.
    attempt, worker: of the claim under which it runs.
    """

    job: Mapping[str, Any]
    preset: Mapping[str, Any]
    attempt: int
    worker: str

    @property
    def job_id(self) -> str:
        """The job's id."""
        return str(self.job["id"])

    @property
    def claim(self) -> Claim:
        """The claim under which the attempt runs, for writes about the job and its assets."""
        known = {field.name for field in fields(Job)}
        row: dict[str, Any] = {name: value for name, value in self.job.items() if name in known}
        for name in _TIMES:
            row[name] = datetime.fromisoformat(row[name]) if row.get(name) else None
        return Claim(Job(**row), self.preset, self.attempt, self.worker, row["lease_expires_at"])

    @classmethod
    def of(cls, claim: Claim) -> JobRequest:
        """The request for the attempt that a claim allows."""
        return cls(json.loads(json.dumps(asdict(claim.job), default=str)), claim.preset, claim.attempt, claim.worker)


@dataclass(frozen=True)
class JobDirectory:
    """The files of one attempt at a job, under `path`."""

    path: Path

    @property
    def request_file(self) -> Path:
        """What the attempt was started with."""
        return self.path / "request.json"

    @property
    def template(self) -> Path:
        """The template that ran."""
        return self.path / "template.yaml"

    @property
    def parameters(self) -> Path:
        """The parameter values that it ran with."""
        return self.path / "parameters.json"

    @property
    def inputs(self) -> Path:
        """The inputs manifest; its URLs can be pre-signed, so only the owner may read it."""
        return self.path / "inputs.json"

    @property
    def journal(self) -> Path:
        """What happened, as JSON lines."""
        return self.path / "journal.jsonl"

    @property
    def status(self) -> Path:
        """The state of the job process, written whole."""
        return self.path / "status.json"

    @property
    def ledger(self) -> Path:
        """How far each output is on its way to storage."""
        return self.path / "ledger.sqlite"

    @property
    def session_log(self) -> Path:
        """What the session and its actions printed."""
        return self.path / "session.log"

    @property
    def engine_log(self) -> Path:
        """What the engine printed."""
        return self.path / "engine.log"

    @property
    def process_log(self) -> Path:
        """What the job process itself printed."""
        return self.path / "process.log"

    @property
    def cancel_request(self) -> Path:
        """There when the job's process shall cancel: the daemon's word to it, the same on every system."""
        return self.path / "cancel"

    @property
    def reported(self) -> Path:
        """There once the queue knows the outcome."""
        return self.path / "reported"

    @property
    def output(self) -> Path:
        """Where the exports go."""
        return self.path / "output"

    @property
    def sessions(self) -> Path:
        """Where sessions make their working directories."""
        return self.path / "session"

    def create(self, request: JobRequest) -> None:
        """Make the directory, readable by its owner only, and write the request into it."""
        self.path.mkdir(mode=0o700, parents=True)
        self.output.mkdir()
        self.sessions.mkdir(mode=0o700)
        write_whole(self.request_file, json.dumps(asdict(request), indent=1, default=str))

    def request(self) -> JobRequest:
        """The request that the directory was made for.

        Raises
        ------
        InvalidInput: the directory has no readable request.
        """
        try:
            data = json.loads(self.request_file.read_text(encoding="utf-8"))
            return JobRequest(data["job"], data["preset"], data["attempt"], data["worker"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InvalidInput(str(self.request_file), [Problem("", f"is no job request: {error}")]) from error


def write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old text or the new, never a part; only its owner may read it."""
    part = path.with_name(path.name + ".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)
