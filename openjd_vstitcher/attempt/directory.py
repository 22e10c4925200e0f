"""The directory of one attempt at a job: which file is what, and the request that it was made for."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import InvalidInput, Problem
from ..files import make_directory_for_owner, read_whole, write_json
from .request import AttemptRequest


@dataclass(frozen=True)
class AttemptDirectory:
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
    def give_back_request(self) -> Path:
        """Present when the attempt must stop and its job go back into the queue. It may hold the reason."""
        return self.path / "give-back"

    @property
    def lock(self) -> Path:
        """Locked by the process that works on the attempt, for as long as it lives. Holds no data."""
        return self.path / "lock"

    @property
    def holder(self) -> Path:
        """Which process last took the lock."""
        return self.path / "holder.json"

    @property
    def reported(self) -> Path:
        """Present once the queue knows the outcome, or needs none."""
        return self.path / "reported"

    @property
    def ended(self) -> Path:
        """How long cleaning has seen that no process works on the attempt."""
        return self.path / "ended.json"

    @property
    def commands(self) -> Path:
        """Our commands as the actions of a job from the queue find them."""
        return self.path / "bin"

    @property
    def session_config(self) -> Path:
        """The configuration for the commands of a session user, who cannot read the worker's."""
        return self.path / "session.toml"

    @property
    def engine(self) -> Path:
        """Where the engine of a session user writes its log."""
        return self.path / "engine"

    @property
    def output(self) -> Path:
        """Where the exports go."""
        return self.path / "output"

    @property
    def result(self) -> Path:
        """What the job returned, as JSON."""
        return self.path / "result.json"

    @property
    def sessions(self) -> Path:
        """Where sessions make their working directories."""
        return self.path / "session"

    def create(self, request: AttemptRequest) -> None:
        """Make the directory, readable by its owner only, and write the request into it.

        Raises
        ------
        FileExistsError: it is there already. Nothing in it is touched.
        OSError: this machine cannot make it. Nothing of it is left.
        RecursionError: the request is nested too deeply. Nothing of it is left.
        """
        make_directory_for_owner(self.path)
        try:
            self.output.mkdir()
            self.sessions.mkdir(mode=0o700)
            write_json(self.request_file, vars(request), default=str)
        except (OSError, RecursionError):
            shutil.rmtree(self.path, ignore_errors=True)
            raise

    def withdraw(self) -> None:
        """Close the directory to everyone but its owner, such as after an attempt that ran as the session user."""
        with suppress(OSError):
            self.path.chmod(0o700)

    def request(self) -> AttemptRequest:
        """The request that the directory was made for.

        Raises
        ------
        InvalidInput: the directory has no readable request.
        """
        try:
            data = json.loads(read_whole(self.request_file))
            return AttemptRequest(data["job"], data["preset"], data["attempt"], data["worker"], data["claimed_s"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InvalidInput(str(self.request_file), [Problem("", f"not a readable request: {error}")]) from error
