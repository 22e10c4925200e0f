"""Decides what a worker does next. Pure: it takes events and the time and gives instructions, and touches nothing.

The worker turns what it sees into events (`Claimed`, `Ended`, `StopAsked`, …), hands them to `Supervision.handle`, and
carries out what comes back (`Claim`, `Start`, `Kill`, …). Every decision can therefore be tested by a table, replayed
from a log, and walked through at random.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from ..attempt.status import HANG_S
from .messages import (
    Claim,
    Claimed,
    ClaimFailed,
    Ended,
    Event,
    Exit,
    Finish,
    Fit,
    Found,
    GiveBack,
    Instruction,
    JobsAnnounced,
    Kill,
    NothingToClaim,
    Return,
    SignOfLife,
    Start,
    StartFailed,
    StopAsked,
    Unfit,
    Warn,
)

LONGEST_PAUSE_S = 300.0
"""The longest that the worker waits after a failure before it tries again."""
FAULTS_OF_A_SICK_MACHINE = 3
"""After so many faults of this machine in a row the worker says so, and tries one attempt at a time."""
_KILL_AGAIN_S = 10.0


@dataclass(frozen=True)
class Limits:
    """What a worker may do, and how patient it is. All times are in seconds.

    Parameters
    ----------
    slots: attempts that run at a time.
    poll_s: how long to wait for news of a job before claiming without any; also the first pause after a failure.
    start_s: an attempt that shows no sign of life for this long after its start is stuck.
    hang_s: an attempt whose last sign of life is this old is stuck.
    stop_s: how long an attempt that was told to stop may take.
    once: end when the queue has no job left, instead of waiting for more.
    """

    slots: int = 1
    poll_s: float = 30.0
    start_s: float = 120.0
    hang_s: float = HANG_S
    stop_s: float = 90.0
    once: bool = False


Phase = Literal["claimed", "starting", "running", "finishing", "unreported"]


@dataclass
class _Attempt:
    """What is known of one attempt.

    Parameters
    ----------
    phase: `claimed`, then `starting` until the first sign of life, then `running`; `unreported` when its process has
        ended and the queue does not know how, `finishing` while another process reports that.
    since_s: when the phase began or the last sign of life came.
    stop_since_s: when it was told to stop.
    killed_s: when it was last killed.
    finish_at_s: when to try to finish it.
    failures: how often finishing it failed.
    """

    phase: Phase
    since_s: float
    stop_since_s: float | None = None
    killed_s: float | None = None
    finish_at_s: float = 0.0
    failures: int = 0

    @property
    def has_process(self) -> bool:
        return self.phase != "unreported"

    @property
    def takes_slot(self) -> bool:
        return self.phase in ("claimed", "starting", "running")


@dataclass
class Supervision:
    """The state of a worker's decisions."""

    limits: Limits
    _attempts: dict[str, _Attempt] = field(default_factory=dict)
    _claiming: bool = False
    _claim_at_s: float = float("-inf")
    _failures: int = 0
    _faults: int = 0
    _warned_faults: int = 0
    _rest_until_s: float = float("-inf")
    _queue_empty: bool = False
    _unfit: str = ""
    _stops: int = 0
    _exited: bool = False

    @property
    def running(self) -> tuple[str, ...]:
        """The attempts that have a process."""
        return tuple(key for key, attempt in self._attempts.items() if attempt.has_process)

    @property
    def unfit(self) -> str:
        """Why the machine begins nothing now, "" if it may."""
        return self._unfit

    @property
    def waits_for_jobs(self) -> bool:
        """Whether an announcement of a job would be of use now."""
        return self._may_claim and self._queue_empty and self._failures == 0

    def wake_at_s(self) -> float:
        """When to call `handle` at the latest although nothing has happened."""
        return min(self._deadlines(), default=float("inf"))

    def handle(self, now_s: float, *events: Event) -> list[Instruction]:
        """Take what has happened, and say what to do now.

        Parameters
        ----------
        now_s: of a monotonic clock.
        """
        for event in events:
            self._take(now_s, event)
        return [] if self._exited else list(self._decide(now_s))

    def _take(self, now_s: float, event: Event) -> None:
        match event:
            case Found(key, alive):
                self._attempts[key] = _Attempt("running" if alive else "unreported", now_s, finish_at_s=now_s)
            case Claimed(key):
                self._claiming = self._queue_empty = False
                self._failures = 0
                self._attempts[key] = _Attempt("claimed", now_s)
            case NothingToClaim():
                self._claiming, self._queue_empty = False, True
                self._failures = 0
                self._claim_at_s = now_s + self.limits.poll_s
            case ClaimFailed():
                self._claiming = False
                self._pause_claims(now_s)
            case JobsAnnounced():
                self._expect_jobs(now_s)
            case StartFailed(key, machine):
                self._attempts.pop(key, None)
                if machine:
                    self._rest(now_s)
            case SignOfLife(key) if key in self._attempts:
                attempt = self._attempts[key]
                attempt.since_s = now_s
                if attempt.phase == "starting":
                    attempt.phase = "running"
            case Ended(key, reported, machine) if key in self._attempts:
                self._judge(now_s, key, reported, machine)
                self._end(now_s, key, reported)
            case Unfit(reason):
                self._unfit = reason
            case Fit():
                self._unfit = ""
            case StopAsked():
                self._stops += 1

    def _judge(self, now_s: float, key: str, reported: bool, machine: bool) -> None:
        """Learn of this machine from the end of an attempt; a process that finishes what another left tells nothing."""
        if self._attempts[key].phase == "finishing":
            return
        if machine:
            self._rest(now_s)
        elif reported:
            self._faults = self._warned_faults = 0

    def _end(self, now_s: float, key: str, reported: bool) -> None:
        attempt = self._attempts[key]
        if reported:
            del self._attempts[key]
            self._expect_jobs(now_s)  # its own may be back in the queue
            return
        if attempt.phase == "finishing":
            attempt.failures += 1
        attempt.phase, attempt.since_s = "unreported", now_s
        attempt.stop_since_s = attempt.killed_s = None
        attempt.finish_at_s = now_s + _pause_s(self.limits.poll_s, attempt.failures)

    def _decide(self, now_s: float) -> Iterator[Instruction]:
        yield from self._begin(now_s)
        for key, attempt in self._attempts.items():
            yield from self._watch(now_s, key, attempt)
        yield from self._finish(now_s)
        if self._faults >= FAULTS_OF_A_SICK_MACHINE and self._faults > self._warned_faults:
            self._warned_faults = self._faults
            yield Warn(f"{self._faults} attempts in a row could not be made on this machine; trying one at a time")
        if self._may_claim and now_s >= self._next_claim_s and not self._done:
            self._claiming = True
            yield Claim()
        elif self._done:
            self._exited = True
            yield Exit()

    def _begin(self, now_s: float) -> Iterator[Instruction]:
        """Start what was claimed, or give it back if the worker was told to stop meanwhile."""
        for key in [key for key, attempt in self._attempts.items() if attempt.phase == "claimed"]:
            if self._stops:
                del self._attempts[key]
                yield Return(key)
            else:
                self._attempts[key].phase, self._attempts[key].since_s = "starting", now_s
                yield Start(key)

    def _watch(self, now_s: float, key: str, attempt: _Attempt) -> Iterator[Instruction]:
        """What to do about an attempt that has a process."""
        if not attempt.has_process:
            return
        if self._stops > 1 and attempt.stop_since_s is None and attempt.phase != "finishing":
            attempt.stop_since_s = now_s
            yield GiveBack(key)
        reason = self._stuck(now_s, attempt)
        if reason and (attempt.killed_s is None or now_s - attempt.killed_s >= _KILL_AGAIN_S):
            attempt.killed_s = now_s
            yield Kill(key, reason)

    def _stuck(self, now_s: float, attempt: _Attempt) -> str:
        silent_s = now_s - attempt.since_s
        if attempt.stop_since_s is not None and now_s - attempt.stop_since_s > self.limits.stop_s:
            return f"it did not stop within {self.limits.stop_s:g} s"
        if attempt.phase == "starting" and silent_s > self.limits.start_s:
            return f"it showed no sign of life for {self.limits.start_s:g} s after its start"
        if attempt.phase != "starting" and silent_s > self.limits.hang_s:
            return f"it showed no sign of life for {self.limits.hang_s:g} s"
        return ""

    def _finish(self, now_s: float) -> Iterator[Instruction]:
        """Let processes finish what others left, at most as many at a time as there are slots."""
        if self._stops > 1:
            return
        busy = sum(attempt.phase == "finishing" for attempt in self._attempts.values())
        for key, attempt in self._attempts.items():
            if attempt.phase == "unreported" and now_s >= attempt.finish_at_s and busy < self.limits.slots:
                attempt.phase, attempt.since_s = "finishing", now_s
                busy += 1
                yield Finish(key)

    @property
    def _may_claim(self) -> bool:
        used = sum(attempt.takes_slot for attempt in self._attempts.values())
        slots = 1 if self._faults >= FAULTS_OF_A_SICK_MACHINE else self.limits.slots
        return not (self._claiming or self._unfit or self._stops or self._exited) and used < slots

    @property
    def _next_claim_s(self) -> float:
        return max(self._claim_at_s, self._rest_until_s)

    @property
    def _done(self) -> bool:
        """Whether nothing is left to do. What could not be reported is left to the next worker."""
        if self._claiming or any(attempt.has_process for attempt in self._attempts.values()):
            return False
        left = [attempt for attempt in self._attempts.values() if attempt.failures == 0]
        if self._stops:
            return self._stops > 1 or not left
        return self.limits.once and (self._queue_empty or bool(self._unfit)) and not left

    def _expect_jobs(self, now_s: float) -> None:
        self._queue_empty = False
        if self._failures == 0:
            self._claim_at_s = now_s

    def _pause_claims(self, now_s: float) -> None:
        self._failures += 1
        self._claim_at_s = now_s + _pause_s(self.limits.poll_s, self._failures)

    def _rest(self, now_s: float) -> None:
        """Claim nothing for a while after a fault of this machine, for longer each time until an attempt ends well."""
        self._faults += 1
        self._rest_until_s = now_s + _pause_s(self.limits.poll_s, self._faults)

    def _deadlines(self) -> Iterator[float]:
        if self._may_claim:
            yield self._next_claim_s
        for attempt in self._attempts.values():
            if attempt.phase == "unreported":
                yield attempt.finish_at_s
            elif attempt.killed_s is not None:
                yield attempt.killed_s + _KILL_AGAIN_S
            else:
                limit_s = self.limits.start_s if attempt.phase == "starting" else self.limits.hang_s
                yield attempt.since_s + limit_s
                if attempt.stop_since_s is not None:
                    yield attempt.stop_since_s + self.limits.stop_s


def _pause_s(first_s: float, failures: int) -> float:
    """How long to wait after some failures in a row: nothing after none, then doubling."""
    return min(first_s * 2.0 ** (failures - 1), LONGEST_PAUSE_S) if failures else 0.0
