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
from dataclasses import dataclass, replace
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from ..attempt.directory import AttemptDirectory
from ..attempt.lock import is_held
from ..attempt.outcome import given_back, machine_fault
from ..attempt.request import AttemptRequest
from ..attempt.resume import outcome_of_killed
from ..config import CONFIG_VARIABLE, Config, load_config
from ..errors import InvalidInput, OpenjdVsError, Problem
from ..log_lines import about
from ..platform.ports import Platform
from ..platform.values import Claim, unusable
from ..storage.adapters import open_storage
from . import messages as msg
from . import supervision as sv
from .cleaning import Cleaner
from .fitness import unfitness
from .narration import Narrator
from .process import AttemptProcess, set_aside
from .queue_client import QueueClient
from .service_manager import ServiceManager
from .signs import has_begun, heartbeat, is_fault_of_machine, is_reported

if TYPE_CHECKING:
    from .metrics import Metrics

_log = logging.getLogger(__name__)
_LOOK_S = 1.0
_IDLE_LOOK_S = 5.0
_FITNESS_LOOK_S = 10.0
_JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")


@dataclass
class _Watched:
    """An attempt's process, and the last sign of life that it gave."""

    process: AttemptProcess
    narrator: Narrator
    heartbeat: datetime | None = None


class Worker:
    """Runs jobs from the queue, several at a time.

    Attributes
    ----------
    metrics: counts what happens, if set before `run`.

    Raises
    ------
    OpenjdVsError: the configured storage cannot be used.
    """

    def __init__(self, config: Config, platform: Platform) -> None:
        self.metrics: Metrics | None = None
        self._config = config
        self._name = config.worker.id or socket.gethostname()
        self._work_dir = config.worker.work_dir
        self._manager = ServiceManager()
        self._inbox: SimpleQueue[msg.Event | None] = SimpleQueue()
        self._reload_asked = False
        self._cleaner = Cleaner(config, open_storage(config))
        self._queue = QueueClient(config.worker, platform, self._name, self._claimed, self._inbox.put)
        self._claims: dict[str, tuple[Claim, float]] = {}
        self._watched: dict[str, _Watched] = {}
        self._handled = 0
        self._stops = 0
        self._fitness_look_s = float("-inf")
        self._unfit = ""

    @property
    def running(self) -> int:
        """How many attempts run now."""
        return len(self._watched)

    def stop(self) -> None:
        """Claim no more and end after the running attempts; asked a second time, give their jobs back to the queue.

        May be called from any thread, and from a signal handler through a thread.
        """
        self._stops += 1
        if self._stops == 1:
            what = "claiming no more, and ending after the running jobs; asked again, they go back to the queue"
        else:
            what = "giving the running jobs back to the queue"
        doing = what if self._watched else "no job is running"
        _log.info("told to stop: %s", doing)
        self._manager.stopping(doing)
        self._inbox.put(msg.StopAsked())

    def reload(self) -> None:
        """Read the configuration again, soon; attempts read it when they begin. A signal handler may call it."""
        self._reload_asked = True
        self._inbox.put(None)

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
        supervision = sv.Supervision(self._limits(once))
        events: list[msg.Event] = [*self._found(), *self._fitness()]
        self._manager.ready()
        with self._queue:
            while True:
                self._manager.alive()
                now_s = time.monotonic()
                for instruction in supervision.handle(now_s, *events):
                    if isinstance(instruction, msg.Exit):
                        return
                    self._carry_out(instruction)
                self._queue.listen(supervision.waits_for_jobs)
                self._cleaner.clean_when_due()
                look_s = _LOOK_S if supervision.running else _IDLE_LOOK_S
                events = self._wait(min(look_s, max(supervision.wake_at_s() - now_s, 0.0)))
                if self._reload_asked:
                    self._read_again()
                    supervision.limits = self._limits(once)
                events += self._look()
                self._queue.raise_first_refusal()

    def _limits(self, once: bool) -> sv.Limits:
        return sv.Limits(slots=self._config.worker.slots, poll_s=self._config.worker.poll_s, once=once)

    def _read_again(self) -> None:
        """Take over a changed configuration, except what only a new daemon can; a broken one changes nothing."""
        self._reload_asked = False
        old = self._config
        try:
            new = load_config(old.source)
            storage = open_storage(new)
        except OpenjdVsError as error:
            _log.error("the configuration stays as it was: %s", error)
            return
        kept = replace(new.worker, id=old.worker.id, work_dir=old.worker.work_dir)
        if (kept, new.platform, new.log) != (new.worker, old.platform, old.log):
            _log.warning("a new platform, log, worker.id or worker.work_dir needs a restart of the daemon")
        self._config = replace(new, worker=kept, platform=old.platform, log=old.log)
        self._queue.configure(kept)
        self._cleaner.configure(self._config, storage)
        _log.info("the configuration was read again: %s", self._config.source or "the defaults apply")

    def _wait(self, limit_s: float) -> list[msg.Event]:
        """What arrives within a time, as soon as anything does. None only wakes the worker."""
        arrived: list[msg.Event | None] = []
        with suppress(Empty):
            arrived.append(self._inbox.get(timeout=limit_s))
            while True:
                arrived.append(self._inbox.get_nowait())
        return [event for event in arrived if event is not None]

    def _found(self) -> Iterator[msg.Event]:
        """The attempts of an earlier daemon that are not reported."""
        for request_file in sorted(self._work_dir.glob("*/request.json")):
            directory = AttemptDirectory(request_file.parent)
            if is_reported(directory):
                continue
            alive = is_held(directory)
            if alive:
                key = directory.path.name
                _log.info("taking over %s, which still runs", key, extra=about(key))
                narrator = Narrator(directory, from_now=True)
                self._watched[key] = _Watched(AttemptProcess(directory), narrator)
            yield msg.Found(directory.path.name, alive)

    def _look(self) -> Iterator[msg.Event]:
        """Signs of life, ends, and the state of the machine."""
        for key, watched in list(self._watched.items()):
            self._follow(watched)
            if not watched.process.alive():
                yield self._ended(key)
            elif (beat := heartbeat(watched.process.directory)) != watched.heartbeat:
                watched.heartbeat = beat
                yield msg.SignOfLife(key)
        if time.monotonic() - self._fitness_look_s >= _FITNESS_LOOK_S:
            yield from self._fitness()

    def _ended(self, key: str) -> msg.Event:
        watched = self._watched.pop(key)
        self._follow(watched)
        directory = watched.process.directory
        if self.metrics is not None:
            self.metrics.ended(directory)
        reported = is_reported(directory)
        machine = is_fault_of_machine(directory)
        if reported:
            self._handled += 1
            _log.info("%s ended and is reported", key, extra=about(key))
        else:
            _log.warning("%s ended without a reported outcome", key, extra=about(key))
            if self.metrics is not None:
                self.metrics.crashed()
        if machine:
            self._fitness_look_s = float("-inf")
        return msg.Ended(key, reported, machine)

    def _follow(self, watched: _Watched) -> None:
        """Tell, and count, what an attempt has done since the last look."""
        for entry in watched.narrator.tell():
            if self.metrics is not None:
                self.metrics.observe(watched.process.directory, entry)

    def _fitness(self) -> Iterator[msg.Event]:
        self._fitness_look_s = time.monotonic()
        unfit = unfitness(self._config)
        if unfit and unfit != self._unfit:
            _log.error("claiming nothing: %s", unfit)
            yield msg.Unfit(unfit)
        elif self._unfit and not unfit:
            _log.info("claiming again: this machine can work")
            yield msg.Fit()
        self._unfit = unfit
        if self.metrics is not None:
            self.metrics.fit(not unfit)

    def _claimed(self, claim: Claim, asked_s: float) -> None:
        """Called by the queue's thread with each claim."""
        key = f"{claim.job.id}.{claim.attempt}"
        _log.info("claimed %s: %s with preset %s", key, claim.job.type, claim.job.preset_key, extra=about(key))
        self._claims[key] = (claim, asked_s)
        if self.metrics is not None:
            self.metrics.claimed(claim)
        self._inbox.put(msg.Claimed(key))

    def _carry_out(self, instruction: msg.Instruction) -> None:
        match instruction:
            case msg.Claim():
                self._queue.claim()
            case msg.Start(key):
                self._start(key)
            case msg.Return(key):
                claim, _ = self._claims.pop(key)
                self._queue.finish(claim, given_back())
            case msg.Finish(key):
                self._finish(key, AttemptDirectory(self._work_dir / key))
            case msg.GiveBack(key):
                _log.info("telling %s to stop and to give its job back", key, extra=about(key))
                with suppress(OSError):
                    self._watched[key].process.directory.give_back_request.touch()
            case msg.Warn(message):
                _log.error("%s", message)
            case msg.Kill(key, reason):
                _log.error("ending the process of %s: %s", key, reason, extra=about(key))
                if key in self._watched:
                    self._watched[key].process.kill()

    def _start(self, key: str) -> None:
        claim, asked_s = self._claims.pop(key)
        directory = AttemptDirectory(self._work_dir / key)
        try:
            _check_id(claim.job.id)
            request = AttemptRequest.of(claim, asked_s)
            if directory.path.exists():
                set_aside(directory.path)
            directory.create(request)
        except (OSError, MemoryError) as error:
            self._could_not_start(key, claim, error)
        except Exception as error:  # noqa: BLE001  # whatever the job holds, it ends alone
            self._queue.finish(claim, unusable(claim.job.id, error))
            self._inbox.put(msg.StartFailed(key, machine=False))
        else:
            self._run(key, directory, "run-job", claim)

    def _finish(self, key: str, directory: AttemptDirectory) -> None:
        """Report an attempt whose process is gone: here if it never began, else by a process that delivers the rest."""
        if has_begun(directory):
            self._run(key, directory, "finish-job")
            return
        try:
            claim, outcome = directory.request().claim, outcome_of_killed(directory, self._config)
        except Exception as error:  # noqa: BLE001  # the process that delivers says what is wrong with the directory
            _log.warning("%s: %s", key, error)
            self._run(key, directory, "finish-job")
            return

        def then(told: bool) -> None:
            if told:
                with suppress(OSError):
                    directory.reported.touch()
            self._inbox.put(msg.Ended(key, told))

        self._queue.finish(claim, outcome, then)

    def _run(self, key: str, directory: AttemptDirectory, command: str, claim: Claim | None = None) -> None:
        try:
            process = AttemptProcess.start(
                directory,
                [command, str(directory.path)],
                self._environment(),
                on_end=lambda: self._inbox.put(None),
                secrets=self._config.secret_variables,
            )
        except OSError as error:
            if claim is not None:
                shutil.rmtree(directory.path, ignore_errors=True)
                self._could_not_start(key, claim, error)
            else:
                _log.error("%s cannot be finished now: %s", key, error)
                self._inbox.put(msg.Ended(key, reported=False))
            return
        does = "running" if command == "run-job" else "finishing"
        _log.info("%s %s in %s", does, key, directory.path, extra=about(key))
        self._watched[key] = _Watched(process, Narrator(directory, from_now=command != "run-job"))

    def _could_not_start(self, key: str, claim: Claim, error: OSError | MemoryError) -> None:
        _log.error("%s cannot begin on this machine: %s", key, error)
        self._queue.finish(claim, machine_fault(f"{self._name} could not begin it: {error or type(error).__name__}"))
        self._fitness_look_s = float("-inf")
        self._inbox.put(msg.StartFailed(key))

    def _environment(self) -> dict[str, str]:
        changed = {CONFIG_VARIABLE: str(self._config.source)} if self._config.source else {}
        return {**os.environ, **changed}


def _check_id(job_id: str) -> None:
    """Refuse an id that would not be a plain directory name."""
    if not _JOB_ID.match(job_id):
        raise InvalidInput("job", [Problem("/id", f"{job_id!r} is not a usable job id")])
