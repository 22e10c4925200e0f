"""The adapter daemon: claims jobs, runs each in a process of its own, keeps its lease, and reports its outcome."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from ..config import CONFIG_VARIABLE, Config
from ..errors import ClaimLost, InvalidInput, OpenjdVsError, PlatformError
from ..journal import JournalReader
from ..outputs.resume import is_unfinished, resume
from ..outputs.retention import clean
from ..platform import Claim, Outcome, Platform
from ..session.job_directory import JobDirectory, JobRequest
from ..session.status import Status, read_status, write_status
from ..storage import open_storage

_log = logging.getLogger(__name__)
_CANCEL_GRACE_S = 60.0
_STOP_NOTICED_S = 1.0


def worker_name(config: Config) -> str:
    """The name under which this machine claims jobs."""
    return config.worker.id or socket.gethostname()


class Worker:
    """Runs jobs from the queue, one at a time.

    Each job runs in a process group of its own, which goes on when the daemon ends however it ends: a daemon that
    starts takes over the jobs that it finds running, and reports those that ended meanwhile.
    """

    def __init__(self, config: Config, platform: Platform) -> None:
        self._config = config
        self._platform = platform
        self._name = worker_name(config)
        self._work_dir = config.worker.work_dir
        self._stop = threading.Event()
        self._give_back = threading.Event()
        self._children: dict[Path, subprocess.Popen[bytes]] = {}

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
        """
        self._work_dir.mkdir(parents=True, exist_ok=True)
        handled = 0
        reached = False
        while not self._stop.is_set():
            try:
                for directory in self._unreported():
                    handled += self._take_over(directory)
                self._clean()
                claim = self._claim()
            except PlatformError as error:
                if not reached and not error.transient:
                    raise
                _log.warning("the queue cannot be used: %s", error)
                self._stop.wait(self._config.worker.poll_s)
                continue
            reached = True
            if claim is not None:
                handled += self._work_on(claim)
            elif once:
                break
            else:
                self._wait_for_jobs()
        return handled

    def _work_on(self, claim: Claim) -> bool:
        """Run a claimed job to its end; whether it began. What keeps it from beginning is this machine's trouble."""
        try:
            directory = self._begin(claim)
        except OSError as error:
            _log.error("%s cannot begin on this machine: %s", claim.job.id, error)
            self._finish(claim, Outcome("NEW", f"{self._name} could not begin it: {error}", counted=False))
            self._stop.wait(self._config.worker.poll_s)
            return False
        try:
            return self._take_over(directory)
        except PlatformError as error:
            _log.warning("the outcome of %s is told later: %s", claim.job.id, error)
            return True

    def _claim(self) -> Claim | None:
        self._platform.requeue_expired(max_attempts=self._config.worker.max_attempts)
        return self._platform.claim(self._name, self._config.worker.job_types, lease_s=self._config.worker.lease_s)

    def _wait_for_jobs(self) -> None:
        deadline = time.monotonic() + self._config.worker.poll_s
        while not self._stop.is_set() and time.monotonic() < deadline:
            if self._platform.wait_for_jobs(self._config.worker.job_types, timeout_s=_STOP_NOTICED_S):
                return

    def _unreported(self) -> Iterator[JobDirectory]:
        for request_file in sorted(self._work_dir.glob("*/request.json")):
            directory = JobDirectory(request_file.parent)
            try:
                if not directory.reported.exists() and directory.request().worker == self._name:
                    yield directory
            except InvalidInput as error:
                _log.error("passed over: %s", error)

    def _begin(self, claim: Claim) -> JobDirectory:
        """Start the job's process, in a directory of its own."""
        directory = JobDirectory(self._work_dir / f"{claim.job.id}.{claim.attempt}")
        if directory.path.exists():
            shutil.rmtree(directory.path)
        directory.create(JobRequest.of(claim))
        with directory.process_log.open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "openjd_vstitcher.cli", "run-job", str(directory.path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                start_new_session=True,
            )
        write_status(directory.status, Status.starting(claim.job.id, claim.attempt, child.pid))
        self._children[directory.path] = child
        _log.info("running %s, attempt %d, in %s", claim.job.id, claim.attempt, directory.path)
        return directory

    def _take_over(self, directory: JobDirectory) -> bool:
        """Stay with a job to its end and report it: one that was just begun, or one of an earlier daemon."""
        claim = directory.request().claim
        status = read_status(directory.status)
        if status is not None and status.process_lives():
            self._supervise(claim, directory, status.pid)
        if directory.path in self._children:
            self._children.pop(directory.path).wait()
        self._report(claim, directory)
        return True

    def _environment(self) -> dict[str, str]:
        changed = {CONFIG_VARIABLE: str(self._config.source)} if self._config.source else {}
        return {**os.environ, **changed}

    def _supervise(self, claim: Claim, directory: JobDirectory, pid: int) -> None:
        """Keep the lease while the job's process lives; cancel it when it is asked for, or when the claim is lost."""
        canceling = False
        journal = JournalReader(directory.journal)
        next_beat = time.monotonic()
        while not _ended(pid, _STOP_NOTICED_S):
            wanted = self._give_back.is_set()
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + self._config.worker.lease_s / 4
                try:
                    wanted = self._heartbeat(claim, read_status(directory.status)) or wanted
                    self._record(claim, journal)
                except ClaimLost:
                    _log.warning("%s was taken from this worker", claim.job.id)
                    wanted = True
            if wanted and not canceling:
                canceling = True
                _cancel(pid)

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
        events = [event for event in journal.read() if event.name != "action_progress"]
        try:
            self._platform.record(claim, events)
        except ClaimLost:
            raise
        except PlatformError as error:
            _log.warning("%d events of %s were not recorded: %s", len(events), claim.job.id, error)

    def _report(self, claim: Claim, directory: JobDirectory) -> None:
        """Tell the queue how the attempt ended; until it takes it, the directory stays unreported."""
        outcome = self._outcome(claim, directory)
        try:
            self._record(claim, JournalReader(directory.journal))
            self._finish(claim, outcome)
        except ClaimLost as lost:
            _log.warning("%s: %s", claim.job.id, lost)
        directory.reported.touch()
        _log.info("%s ended: %s %s", claim.job.id, outcome.status, outcome.status_details or "")

    def _finish(self, claim: Claim, outcome: Outcome) -> None:
        """Tell the queue an outcome. One that it refuses for good is not told again: the lease ends the claim.

        Raises
        ------
        PlatformError: the queue cannot be reached now.
        """
        try:
            self._platform.finish(claim, outcome)
        except PlatformError as error:
            if error.transient:
                raise
            _log.error("the queue refused the outcome of %s: %s", claim.job.id, error)

    def _outcome(self, claim: Claim, directory: JobDirectory) -> Outcome:
        status = read_status(directory.status)
        if self._give_back.is_set() and (status is None or (status.outcome or {}).get("status") == "CANCELED"):
            return Outcome("NEW", "given back: the worker was told to stop", counted=False)
        if status is not None and status.outcome is not None:
            return Outcome(**status.outcome)
        self._deliver_rest(directory)
        last = _last_line(directory.process_log)
        reason = "the job's process was killed" + (f"; its last line: {last}" if last else "")
        final = claim.attempt >= self._config.worker.max_attempts
        return Outcome("COMPLETED_ERRORS" if final else "NEW", reason, errors=[{"stage": "process", "message": reason}])

    def _deliver_rest(self, directory: JobDirectory) -> None:
        """Deliver whole outputs that a killed process left; nothing of it is lost if that fails."""
        try:
            if is_unfinished(directory):
                resume(directory, self._config, self._platform)
        except OpenjdVsError as error:
            _log.warning("outputs in %s are not delivered: %s", directory.path, error)

    def _clean(self) -> None:
        """Remove the directories of ended jobs whose time is over (Law 3)."""
        for removal in clean(self._work_dir, self._config.outputs, open_storage(self._config.storage)):
            _log.info(
                "removed %s: %s%s", removal.job.path, removal.reason, f"; {removal.error}" if removal.error else ""
            )


def _ended(pid: int, timeout_s: float) -> bool:
    try:
        psutil.Process(pid).wait(timeout=timeout_s)
    except psutil.TimeoutExpired:
        return False
    except psutil.NoSuchProcess:
        return True
    return True


def _cancel(pid: int) -> None:
    """Ask a job's process to cancel, and end its whole group when it does not."""
    try:
        process = psutil.Process(pid)
        process.terminate()
        process.wait(timeout=_CANCEL_GRACE_S)
    except psutil.TimeoutExpired:
        if os.name == "posix":
            os.killpg(pid, signal.SIGKILL)
        else:
            process.kill()
    except psutil.NoSuchProcess:
        return


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except FileNotFoundError:
        return ""
    return lines[-1] if lines else ""
