"""The adapter daemon: claims jobs, runs each in a process of its own, keeps its lease, and reports its outcome."""

from __future__ import annotations

import logging
import os
import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from ..attempt.directory import JobDirectory
from ..attempt.request import JobRequest
from ..attempt.resume import is_unfinished
from ..attempt.retention import clean
from ..attempt.status import Status, StatusUnreadable, read_status
from ..config import CONFIG_VARIABLE, Config
from ..errors import ClaimLost, InvalidInput, OpenjdVsError, PlatformError, Problem
from ..events import ActionProgress, JobEnded
from ..journal import JournalReader, read_journal
from ..platform.ports import Platform
from ..platform.values import Claim, Outcome
from ..storage.adapters import open_storage
from .job_process import JobProcess, NotClear, set_aside

_log = logging.getLogger(__name__)
_LOOK_S = 1.0
_CLEAN_EVERY_S = 600.0
_JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")


class Worker:
    """Runs jobs from the queue, one at a time.

    Each job runs in a process that goes on when the daemon ends, however it ends: a daemon that starts takes over the
    jobs that it finds running, and reports those that ended meanwhile.

    Raises
    ------
    OpenjdVsError: the configured storage cannot be used.
    """

    def __init__(self, config: Config, platform: Platform) -> None:
        self._config = config
        self._platform = platform
        self._storage = open_storage(config.storage)
        self._name = config.worker.id or socket.gethostname()
        self._work_dir = config.worker.work_dir
        self._stop = threading.Event()
        self._give_back = threading.Event()
        self._cleaned_s = -_CLEAN_EVERY_S

    def stop(self) -> None:
        """Claim no more and end after the running job; asked a second time, give that job back to the queue.

        Call it from another thread than `run`, also when a signal asks for it.
        """
        if self._stop.is_set():
            self._give_back.set()
        self._stop.set()

    def run(self, *, once: bool = False) -> int:
        """Work until told to stop, or with `once` until the queue has no job for this worker.

        Returns how many attempts it ran or took over.

        Raises
        ------
        OpenjdVsError: another daemon works in the same directory.
        PlatformError: the queue refused the first request.
        """
        self._work_dir.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self._work_dir / "daemon.lock", timeout=0):
                return self._work(once)
        except Timeout:
            raise OpenjdVsError(f"another daemon already works in {self._work_dir}") from None

    def _work(self, once: bool) -> int:
        handled = 0
        reached = False
        while not self._stop.is_set():
            handled += sum(self._guarded(directory) for directory in self._unreported())
            self._clean()
            try:
                claim = self._claim()
            except PlatformError as error:
                if not reached and not error.transient:
                    raise
                _log.warning("the queue cannot be used: %s", error)
                self._stop.wait(self._config.worker.poll_s)
                continue
            reached = True
            if claim is not None:
                handled += self._begin(claim)
            elif once:
                break
            else:
                self._wait_for_jobs()
        return handled

    def _claim(self) -> Claim | None:
        self._platform.requeue_expired(max_attempts=self._config.worker.max_attempts)
        return self._platform.claim(self._name, self._config.worker.job_types, lease_s=self._config.worker.lease_s)

    def _wait_for_jobs(self) -> None:
        deadline = time.monotonic() + self._config.worker.poll_s
        while not self._stop.is_set() and time.monotonic() < deadline:
            if self._platform.wait_for_jobs(self._config.worker.job_types, timeout_s=_LOOK_S):
                return

    def _unreported(self) -> Iterator[JobDirectory]:
        for request_file in sorted(self._work_dir.glob("*/request.json")):
            directory = JobDirectory(request_file.parent)
            if not directory.reported.exists():
                yield directory

    def _begin(self, claim: Claim) -> bool:
        """Start the process of a claimed job and stay with it; whether it could be started."""
        directory = JobDirectory(self._work_dir / f"{claim.job.id}.{claim.attempt}")
        try:
            process = self._start(claim, directory)
        except OSError as error:
            _log.error("%s cannot begin on this machine: %s", claim.job.id, error)
            shutil.rmtree(directory.path, ignore_errors=True)
            self._tell(claim, Outcome("NEW", f"{self._name} could not begin it: {error}", counted=False))
            self._stop.wait(self._config.worker.poll_s)
            return False
        except InvalidInput as error:
            return self._tell(claim, Outcome("COMPLETED_ERRORS", str(error)))
        return self._guarded(directory, process)

    def _start(self, claim: Claim, directory: JobDirectory) -> JobProcess:
        if not _JOB_ID.match(claim.job.id):
            raise InvalidInput("job", [Problem("/id", f"{claim.job.id!r} is no job id")])
        if directory.path.exists():
            set_aside(directory.path)
        directory.create(JobRequest.of(claim))
        _log.info("running %s, attempt %d, in %s", claim.job.id, claim.attempt, directory.path)
        return JobProcess.start(directory, ["run-job", str(directory.path)], self._environment())

    def _environment(self) -> dict[str, str]:
        changed = {CONFIG_VARIABLE: str(self._config.source)} if self._config.source else {}
        return {**os.environ, **changed}

    def _guarded(self, directory: JobDirectory, process: JobProcess | None = None) -> bool:
        """Stay with a job to its end and report it; whether that was done. Its trouble never ends the daemon."""
        try:
            claim = directory.request().claim
            process = process or JobProcess.find(directory)
            self._supervise(claim, directory, process)
            self._deliver_rest(claim, directory)
            return self._report(claim, directory)
        except NotClear as error:
            _log.info("later: %s", error)
        except Exception:  # noqa: BLE001  # at 3 a.m. one broken job must not stop the others
            _log.exception("%s could not be worked on, and is tried again", directory.path)
            self._stop.wait(_LOOK_S)
        return False

    def _supervise(self, claim: Claim, directory: JobDirectory, process: JobProcess, *, beats: bool = True) -> None:
        """Keep the lease while the process lives; cancel it when that is asked for, or when the claim is lost.

        Parameters
        ----------
        beats: whether the process writes a heartbeat into the job's status, whose end means that it hangs.
        """
        journal = JournalReader(directory.journal)
        next_beat = time.monotonic()
        while not process.ended(_LOOK_S):
            status = _status(directory)
            process.enforce(status.heartbeat if status and beats else None)
            wanted = self._give_back.is_set()
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + self._config.worker.lease_s / 4
                try:
                    wanted = self._heartbeat(claim, status) or wanted
                    self._record(claim, journal)
                except ClaimLost:
                    _log.warning("%s was taken from this worker", claim.job.id)
                    wanted = True
            if wanted:
                process.cancel()

    def _heartbeat(self, claim: Claim, status: Status | None) -> bool:
        """Keep the lease; whether the job should be canceled."""
        try:
            beat = self._platform.heartbeat(
                claim,
                lease_s=self._config.worker.lease_s,
                progress=status.progress if status else None,
                status_details=status.message or None if status else None,
            )
        except ClaimLost:
            raise
        except PlatformError as error:
            _log.warning("no heartbeat for %s: %s", claim.job.id, error)
            return False
        return beat.cancel_requested

    def _record(self, claim: Claim, journal: JournalReader) -> None:
        """Keep what happened with the job on the platform; all but its steps in percent."""
        events = [entry for entry in journal.read() if not isinstance(entry.event, ActionProgress)]
        try:
            self._platform.record(claim, events)
        except ClaimLost:
            raise
        except PlatformError as error:
            _log.warning("%d events of %s were not recorded: %s", len(events), claim.job.id, error)

    def _deliver_rest(self, claim: Claim, directory: JobDirectory) -> None:
        """Deliver whole outputs that a killed process left, in a process again, while the lease is kept."""
        if _outcome_told(directory) is None and is_unfinished(directory):
            command = ["outputs", "resume", str(directory.path)]
            rest = JobProcess.start(directory, command, self._environment())
            self._supervise(claim, directory, rest, beats=False)

    def _report(self, claim: Claim, directory: JobDirectory) -> bool:
        """Tell the queue how the attempt ended; until it takes it, the directory stays unreported."""
        outcome = self._outcome(claim, directory)
        try:
            self._record(claim, JournalReader(directory.journal))
        except ClaimLost:
            _log.warning("the events of %s are not wanted any more", claim.job.id)
        if not self._tell(claim, outcome):
            self._stop.wait(self._config.worker.poll_s)
            return False
        directory.reported.touch()
        if outcome.status == "NEW":
            self._stop.wait(self._config.worker.poll_s if not outcome.counted else 0)
        return True

    def _tell(self, claim: Claim, outcome: Outcome) -> bool:
        """Tell the queue an outcome; whether it has it, or wants it no more. One that it refuses is told in short."""
        short = Outcome("COMPLETED_ERRORS", (outcome.status_details or outcome.status)[:200])
        for attempt in (outcome, short):
            try:
                self._platform.finish(claim, attempt)
            except ClaimLost as lost:
                _log.warning("the outcome of %s is not wanted any more: %s", claim.job.id, lost)
                return True
            except PlatformError as error:
                _log.error("the queue did not take the outcome of %s: %s", claim.job.id, error)
                if error.transient:
                    return False
            else:
                _log.info("%s ended: %s %s", claim.job.id, attempt.status, attempt.status_details or "")
                return True
        return False

    def _outcome(self, claim: Claim, directory: JobDirectory) -> Outcome:
        outcome = _outcome_told(directory)
        if self._give_back.is_set() and (outcome is None or outcome.status == "CANCELED"):
            return Outcome("NEW", "given back: the worker was told to stop", counted=False)
        if outcome is not None:
            return outcome
        last = _last_line(directory.process_log)
        reason = "the job's process was killed" + (f"; its last line: {last}" if last else "")
        final = claim.job.auto_retries + 1 >= self._config.worker.max_attempts
        return Outcome("COMPLETED_ERRORS" if final else "NEW", reason, errors=[{"stage": "process", "message": reason}])

    def _clean(self) -> None:
        """Remove, now and then, the directories of ended jobs whose time is over (Law 3)."""
        if time.monotonic() - self._cleaned_s < _CLEAN_EVERY_S:
            return
        self._cleaned_s = time.monotonic()
        try:
            for removal in clean(self._work_dir, self._config.outputs, self._storage):
                told = f"{removal.reason}; {removal.error}" if removal.error else removal.reason
                _log.info("removed %s: %s", removal.job.path, told)
        except Exception:  # noqa: BLE001  # cleaning can wait
            _log.exception("old job directories could not be removed")


def _status(directory: JobDirectory) -> Status | None:
    try:
        return read_status(directory.status)
    except StatusUnreadable as error:
        _log.warning("%s", error)
        return None


def _outcome_told(directory: JobDirectory) -> Outcome | None:
    """How the job's process said that the attempt ended: in its status, or where that failed, in its journal."""
    status = _status(directory)
    if status is not None and status.outcome is not None:
        return Outcome(**status.outcome)
    if directory.journal.exists():
        for entry in reversed(list(read_journal(directory.journal))):
            if isinstance(entry.event, JobEnded) and entry.event.outcome is not None:
                return Outcome(**msgspec.to_builtins(entry.event.outcome))
    return None


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except FileNotFoundError:
        return ""
    return lines[-1] if lines else ""
