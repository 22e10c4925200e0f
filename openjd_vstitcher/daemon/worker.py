"""The adapter daemon: claims jobs, runs a process for each attempt, and finishes what a killed one left.

What it decides is in `supervision`; here is what it sees and does. An attempt keeps its own lease and reports its own
outcome, so nothing is lost while the daemon is stopped, killed or replaced.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from queue import Empty, SimpleQueue

from filelock import FileLock, Timeout

from ..attempt.directory import AttemptDirectory
from ..attempt.lock import is_held
from ..attempt.request import AttemptRequest
from ..attempt.status import StatusUnreadable, read_status
from ..config import CONFIG_VARIABLE, Config
from ..errors import OpenjdVsError
from ..platform.ports import Platform
from ..platform.values import Claim, Outcome
from ..storage.adapters import open_storage
from . import supervision as sv
from .cleaning import Cleaner
from .process import AttemptProcess, set_aside
from .queue_client import QueueClient

_log = logging.getLogger(__name__)
_LOOK_S = 1.0
_IDLE_LOOK_S = 5.0
_DISK_LOOK_S = 10.0
_JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")


@dataclass
class _Watched:
    """An attempt's process, and the last sign of life that it gave."""

    process: AttemptProcess
    heartbeat: datetime | None = None


class Worker:
    """Runs jobs from the queue, several at a time.

    Raises
    ------
    OpenjdVsError: the configured storage cannot be used.
    """

    def __init__(self, config: Config, platform: Platform) -> None:
        self._config = config
        self._name = config.worker.id or socket.gethostname()
        self._work_dir = config.worker.work_dir
        self._inbox: SimpleQueue[sv.Event | None] = SimpleQueue()
        self._cleaner = Cleaner(config, open_storage(config))
        self._queue = QueueClient(config.worker, platform, self._name, self._claimed, self._inbox.put)
        self._claims: dict[str, tuple[Claim, float]] = {}
        self._watched: dict[str, _Watched] = {}
        self._handled = 0
        self._disk_look_s = float("-inf")
        self._unfit = ""

    def stop(self) -> None:
        """Claim no more and end after the running attempts; asked a second time, give their jobs back to the queue.

        May be called from any thread, and from a signal handler through a thread.
        """
        self._inbox.put(sv.StopAsked())

    def run(self, *, once: bool = False) -> int:
        """Work until told to stop, or with `once` until the queue has no job for this worker.

        Returns how many attempts ended with a reported outcome.

        Raises
        ------
        OpenjdVsError: another daemon works in the same directory.
        PlatformError: the queue refused the first request.
        """
        self._work_dir.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self._work_dir / "daemon.lock", timeout=0):
                self._work(once)
        except Timeout:
            raise OpenjdVsError(f"another daemon already works in {self._work_dir}") from None
        return self._handled

    def _work(self, once: bool) -> None:
        worker = self._config.worker
        supervision = sv.Supervision(sv.Limits(slots=worker.slots, poll_s=worker.poll_s, once=once))
        events: list[sv.Event] = list(self._found())
        with self._queue:
            while True:
                now_s = time.monotonic()
                for instruction in supervision.handle(now_s, *events):
                    if isinstance(instruction, sv.Exit):
                        return
                    self._carry_out(instruction)
                self._queue.listen(supervision.waits_for_jobs)
                self._cleaner.clean_when_due()
                look_s = _LOOK_S if supervision.running else _IDLE_LOOK_S
                events = self._wait(min(look_s, max(supervision.wake_at_s() - now_s, 0.0)))
                events += self._look()
                self._queue.raise_first_refusal()

    def _wait(self, limit_s: float) -> list[sv.Event]:
        """What arrives within a time, as soon as anything does. None only wakes the worker."""
        arrived: list[sv.Event | None] = []
        with suppress(Empty):
            arrived.append(self._inbox.get(timeout=limit_s))
            while True:
                arrived.append(self._inbox.get_nowait())
        return [event for event in arrived if event is not None]

    def _found(self) -> Iterator[sv.Event]:
        """The attempts of an earlier daemon that are not reported."""
        for request_file in sorted(self._work_dir.glob("*/request.json")):
            directory = AttemptDirectory(request_file.parent)
            if directory.reported.exists():
                continue
            alive = is_held(directory)
            if alive:
                _log.info("taking over %s, which still runs", directory.path.name)
                self._watched[directory.path.name] = _Watched(AttemptProcess(directory))
            yield sv.Found(directory.path.name, alive)

    def _look(self) -> Iterator[sv.Event]:
        """Signs of life, ends, and the state of the machine."""
        for key, watched in list(self._watched.items()):
            if not watched.process.alive():
                yield self._ended(key)
            elif (heartbeat := _heartbeat(watched.process.directory)) != watched.heartbeat:
                watched.heartbeat = heartbeat
                yield sv.SignOfLife(key)
        if time.monotonic() - self._disk_look_s >= _DISK_LOOK_S:
            self._disk_look_s = time.monotonic()
            yield from self._fitness()

    def _ended(self, key: str) -> sv.Event:
        directory = self._watched.pop(key).process.directory
        reported = directory.reported.exists()
        if reported:
            self._handled += 1
            _log.info("%s ended and is reported", key)
        else:
            _log.warning("%s ended without a reported outcome", key)
        return sv.Ended(key, reported)

    def _fitness(self) -> Iterator[sv.Event]:
        free = shutil.disk_usage(self._work_dir).free
        low = free < self._config.worker.min_free_bytes
        unfit = f"only {free >> 20} MiB are free in {self._work_dir}" if low else ""
        if unfit and not self._unfit:
            _log.error("claiming nothing: %s", unfit)
            yield sv.Unfit(unfit)
        elif self._unfit and not unfit:
            _log.info("claiming again: %s has room", self._work_dir)
            yield sv.Fit()
        self._unfit = unfit

    def _claimed(self, claim: Claim, asked_s: float) -> None:
        """Called by the queue's thread with each claim."""
        key = f"{claim.job.id}.{claim.attempt}"
        self._claims[key] = (claim, asked_s)
        self._inbox.put(sv.Claimed(key))

    def _carry_out(self, instruction: sv.Instruction) -> None:
        match instruction:
            case sv.Claim():
                self._queue.claim()
            case sv.Start(key):
                self._start(key)
            case sv.Return(key):
                claim, _ = self._claims.pop(key)
                self._queue.finish(claim, Outcome("NEW", "given back: the worker was told to stop", counted=False))
            case sv.Finish(key):
                self._run(key, AttemptDirectory(self._work_dir / key), "finish-job")
            case sv.GiveBack(key):
                _log.info("telling %s to stop and to give its job back", key)
                with suppress(OSError):
                    self._watched[key].process.directory.give_back_request.touch()
            case sv.Kill(key, reason):
                _log.error("ending the process of %s: %s", key, reason)
                if key in self._watched:
                    self._watched[key].process.kill()

    def _start(self, key: str) -> None:
        claim, asked_s = self._claims.pop(key)
        if not _JOB_ID.match(claim.job.id):
            reason = f"{claim.job.id!r} is not a usable job id"
            self._queue.finish(
                claim, Outcome("COMPLETED_ERRORS", reason, errors=[{"stage": "claim", "message": reason}])
            )
            self._inbox.put(sv.StartFailed(key, machine=False))
            return
        directory = AttemptDirectory(self._work_dir / key)
        try:
            if directory.path.exists():
                set_aside(directory.path)
            directory.create(AttemptRequest.of(claim, asked_s))
        except OSError as error:
            self._could_not_start(key, claim, error)
            return
        self._run(key, directory, "run-job", claim)

    def _run(self, key: str, directory: AttemptDirectory, command: str, claim: Claim | None = None) -> None:
        try:
            process = AttemptProcess.start(
                directory,
                [command, str(directory.path)],
                self._environment(),
                on_end=lambda: self._inbox.put(None),
                secrets=(self._config.platform.credential_variable,),
            )
        except OSError as error:
            if claim is not None:
                shutil.rmtree(directory.path, ignore_errors=True)
                self._could_not_start(key, claim, error)
            else:
                _log.error("%s cannot be finished now: %s", key, error)
                self._inbox.put(sv.Ended(key, reported=False))
            return
        _log.info("%s %s in %s", "running" if command == "run-job" else "finishing", key, directory.path)
        self._watched[key] = _Watched(process)

    def _could_not_start(self, key: str, claim: Claim, error: OSError) -> None:
        _log.error("%s cannot begin on this machine: %s", key, error)
        self._queue.finish(claim, Outcome("NEW", f"{self._name} could not begin it: {error}", counted=False))
        self._inbox.put(sv.StartFailed(key))

    def _environment(self) -> dict[str, str]:
        changed = {CONFIG_VARIABLE: str(self._config.source)} if self._config.source else {}
        return {**os.environ, **changed}


def _heartbeat(directory: AttemptDirectory) -> datetime | None:
    try:
        status = read_status(directory.status)
    except StatusUnreadable as error:
        _log.debug("%s", error)
        return None
    return status.heartbeat if status is not None else None
