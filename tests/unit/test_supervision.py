"""The decisions of the daemon: tables of what follows what, and a random walk over all orders of events."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from openjd_vstitcher.daemon.messages import (
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
from openjd_vstitcher.daemon.supervision import LONGEST_PAUSE_S, Limits, Supervision

LIMITS = Limits(slots=2, poll_s=10, start_s=60, hang_s=100, stop_s=30)

TABLE: dict[str, list[tuple[float, list[Event], list[Instruction]]]] = {
    "a worker with free slots claims": [(0, [], [Claim()])],
    "it asks once at a time": [(0, [], [Claim()]), (1, [], [])],
    "what is claimed is started, and the next slot is filled": [
        (0, [], [Claim()]),
        (1, [Claimed("a")], [Start("a"), Claim()]),
        (2, [Claimed("b")], [Start("b")]),
        (3, [Ended("a", reported=True)], [Claim()]),
    ],
    "an empty queue is asked again after a while": [
        (0, [], [Claim()]),
        (1, [NothingToClaim()], []),
        (10, [], []),
        (11, [], [Claim()]),
    ],
    "an empty queue is asked at once when it announces a job": [
        (0, [], [Claim()]),
        (1, [NothingToClaim()], []),
        (2, [JobsAnnounced()], [Claim()]),
    ],
    "a queue that cannot be asked is asked with growing pauses": [
        (0, [], [Claim()]),
        (0, [ClaimFailed()], []),
        (9, [JobsAnnounced()], []),
        (10, [], [Claim()]),
        (10, [ClaimFailed()], []),
        (29, [], []),
        (30, [], [Claim()]),
        (30, [NothingToClaim()], []),
        (40, [], [Claim()]),
    ],
    "a machine that cannot start a process pauses before it claims again": [
        (0, [], [Claim()]),
        (0, [Claimed("a")], [Start("a"), Claim()]),
        (0, [StartFailed("a"), NothingToClaim()], []),
        (10, [], [Claim()]),
    ],
    "a machine that cannot make attempts rests for longer each time, whatever the queue has": [
        (0, [], [Claim()]),
        (0, [Claimed("a")], [Start("a"), Claim()]),
        (1, [NothingToClaim(), Ended("a", reported=True, machine=True)], []),
        (2, [JobsAnnounced()], []),
        (10, [], []),
        (11, [], [Claim()]),
        (11, [Claimed("b")], [Start("b"), Claim()]),
        (12, [NothingToClaim(), Ended("b", reported=True, machine=True), JobsAnnounced()], []),
        (31, [], []),
        (32, [], [Claim()]),
    ],
    "a process that never began its work is a fault of the machine, and is reported": [
        (0, [], [Claim()]),
        (0, [Claimed("a")], [Start("a"), Claim()]),
        (1, [NothingToClaim(), Ended("a", reported=False, machine=True)], [Finish("a")]),
        (2, [Ended("a", reported=True, machine=True)], []),
        (10, [JobsAnnounced()], []),
        (11, [], [Claim()]),
    ],
    "after three faults in a row it says so, and tries one at a time": [
        (0, [StartFailed("a"), StartFailed("b"), StartFailed("c")], [
            Warn("3 attempts in a row could not be made on this machine; trying one at a time")]),
        (39, [], []),
        (40, [], [Claim()]),
        (40, [Claimed("d")], [Start("d")]),
        (41, [JobsAnnounced()], []),
        (42, [Ended("d", reported=True)], [Claim()]),
        (42, [Claimed("e")], [Start("e"), Claim()]),
    ],
    "one that ended badly by itself is no news of the machine": [
        (0, [StartFailed("a"), StartFailed("b"), Found("c", alive=True)], []),
        (1, [Ended("c", reported=False)], [Finish("c")]),
        (2, [Ended("c", reported=True)], []),
        (19, [], []),
        (20, [StartFailed("d")], [Warn("3 attempts in a row could not be made on this machine; trying one at a time")]),
    ],
    "a job that could not be started for its own fault costs no pause": [
        (0, [], [Claim()]),
        (0, [Claimed("a")], [Start("a"), Claim()]),
        (0, [NothingToClaim()], []),
        (0, [StartFailed("a", machine=False), JobsAnnounced()], [Claim()]),
    ],
    "an unfit machine begins nothing until it is fit again": [
        (0, [Unfit("the disk is full")], []),
        (50, [JobsAnnounced()], []),
        (60, [Fit()], [Claim()]),
    ],
    "what ended without a reported outcome is finished at once, and then its job may be back": [
        (0, [Found("a", alive=True)], [Claim()]),
        (1, [NothingToClaim(), Ended("a", reported=False)], [Finish("a")]),
        (2, [Ended("a", reported=True)], [Claim()]),
    ],
    "one that cannot be finished is tried again with growing pauses": [
        (0, [Found("a", alive=False), Unfit("x")], [Finish("a")]),
        (1, [Ended("a", reported=False)], []),
        (10, [], []),
        (11, [], [Finish("a")]),
        (12, [Ended("a", reported=False)], []),
        (31, [], []),
        (32, [], [Finish("a")]),
    ],
    "what was left is finished no more at a time than there are slots": [
        (0, [Unfit("x"), *(Found(key, alive=False) for key in "abc")], [Finish("a"), Finish("b")]),
        (1, [Ended("a", reported=True)], [Finish("c")]),
    ],
    "a process that never begins is ended": [
        (0, [], [Claim()]),
        (0, [Claimed("a"), Unfit("x")], [Start("a")]),
        (60, [], []),
        (61, [], [Kill("a", "it showed no sign of life for 60 s after its start")]),
        (62, [], []),
        (71, [], [Kill("a", "it showed no sign of life for 60 s after its start")]),
        (72, [Ended("a", reported=False)], [Finish("a")]),
    ],
    "a process that falls silent is ended, one that shows life is not": [
        (0, [Found("a", alive=True), Found("b", alive=True)], []),
        (90, [SignOfLife("b")], []),
        (101, [], [Kill("a", "it showed no sign of life for 100 s")]),
    ],
    "told to stop, it ends after the running attempts": [
        (0, [Found("a", alive=True), StopAsked()], []),
        (1, [Ended("a", reported=True)], [Exit()]),
    ],
    "told to stop, it finishes what ended badly first": [
        (0, [Found("a", alive=True), StopAsked()], []),
        (1, [Ended("a", reported=False)], [Finish("a")]),
        (2, [Ended("a", reported=True)], [Exit()]),
    ],
    "told to stop, it leaves to the next worker what cannot be finished": [
        (0, [Found("a", alive=True), StopAsked()], []),
        (1, [Ended("a", reported=False)], [Finish("a")]),
        (2, [Ended("a", reported=False)], [Exit()]),
    ],
    "told twice, it gives the jobs back, and insists": [
        (0, [Found("a", alive=True), StopAsked()], []),
        (1, [StopAsked()], [GiveBack("a")]),
        (31, [], []),
        (32, [], [Kill("a", "it did not stop within 30 s")]),
        (33, [Ended("a", reported=False)], [Exit()]),
    ],
    "a claim that arrives after the word to stop goes back": [
        (0, [], [Claim()]),
        (1, [StopAsked()], []),
        (2, [Claimed("a")], [Return("a"), Exit()]),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_what_follows_what(name: str) -> None:
    supervision = Supervision(LIMITS)
    for now_s, events, expected in TABLE[name]:
        assert supervision.handle(now_s, *events) == expected, f"at {now_s} s"


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([NothingToClaim()], [Exit()]),
        ([NothingToClaim(), Found("a", alive=True)], []),
        ([NothingToClaim(), Found("a", alive=False)], [Finish("a")]),
        ([ClaimFailed()], []),
        ([ClaimFailed(), Unfit("the disk is full")], [Exit()]),
    ],
)
def test_once_ends_when_nothing_is_left(events: list[Event], expected: list[Instruction]) -> None:
    supervision = Supervision(Limits(once=True))
    assert supervision.handle(0) == [Claim()]
    assert supervision.handle(1, *events) == expected


def test_the_pause_has_a_limit() -> None:
    supervision = Supervision(LIMITS)
    now_s = 0.0
    for _ in range(20):
        assert supervision.handle(now_s) == [Claim()]
        supervision.handle(now_s, ClaimFailed())
        assert supervision.wake_at_s() - now_s <= LONGEST_PAUSE_S
        now_s = supervision.wake_at_s()


class RandomWalk(RuleBasedStateMachine):
    """A world that answers instructions in any order and at any pace, and the promises that hold in it."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.alive: dict[str, str] = {}
        self.unreported: set[str] = set()
        self.claims = 0
        self.asked = False
        self.stops = 0
        self.exited = False
        self.started: set[str] = set()
        self.returned: set[str] = set()
        self.killable: set[str] = set()
        self.faults = 0
        self.fault_s = float("-inf")

    @initialize(slots=st.integers(1, 4), left=st.integers(0, 3))
    def begin(self, slots: int, left: int) -> None:
        self.limits = Limits(slots=slots, poll_s=10, start_s=60, hang_s=100, stop_s=30)
        self.supervision = Supervision(self.limits)
        found = [Found(f"old{n}", alive=bool(n % 2)) for n in range(left)]
        for each in found:
            if each.alive:
                self.alive[each.attempt] = "attempt"
            else:
                self.unreported.add(each.attempt)
        self.tell(*found)

    def tell(self, *events: Event) -> None:
        assert not self.exited or not self.supervision.handle(self.now_s, *events)
        if self.exited:
            return
        for instruction in self.supervision.handle(self.now_s, *events):
            self.obey(instruction)

    def obey(self, instruction: Instruction) -> None:
        match instruction:
            case Claim():
                assert not self.asked
                assert not self.stops
                assert self.now_s >= self.fault_s + self.limits.poll_s * min(self.faults, 1)
                assert self.faults < 3 or "attempt" not in self.alive.values()
                self.asked = True
            case Warn():
                assert self.faults >= 3
            case Start(key):
                assert key not in self.started
                self.started.add(key)
                self.alive[key] = "attempt"
            case Return(key):
                assert key not in self.started
                self.returned.add(key)
            case Finish(key):
                assert key in self.unreported
                assert key not in self.alive
                self.unreported.discard(key)
                self.alive[key] = "finishing"
            case GiveBack(key):
                assert self.stops > 1
                assert self.alive[key] == "attempt"
            case Kill(key, reason):
                assert reason
                assert key in self.alive
                self.killable.add(key)
            case Exit():
                assert not self.alive
                assert not self.asked
                assert self.stops
                self.exited = True

    @precondition(lambda self: self.asked)
    @rule(answer=st.sampled_from(["job", "nothing", "failure"]))
    def queue_answers(self, answer: str) -> None:
        self.asked = False
        if answer == "job":
            self.claims += 1
            self.tell(Claimed(f"new{self.claims}"))
        else:
            self.tell(NothingToClaim() if answer == "nothing" else ClaimFailed())

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), reported=st.booleans(), machine=st.booleans())
    def process_ends(self, data: st.DataObject, reported: bool, machine: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.alive)))
        what = self.alive.pop(key)
        self.killable.discard(key)
        if not reported:
            self.unreported.add(key)
        if what == "attempt":
            self.judge(machine, well=reported)
        self.tell(Ended(key, reported, machine))

    def judge(self, machine: bool, *, well: bool) -> None:
        if machine:
            self.faults, self.fault_s = self.faults + 1, self.now_s
        elif well:
            self.faults = 0

    @precondition(lambda self: any(key in self.started for key in self.alive))
    @rule(data=st.data(), machine=st.booleans())
    def start_fails(self, data: st.DataObject, machine: bool) -> None:
        key = data.draw(st.sampled_from(sorted(key for key in self.alive if key in self.started)))
        if self.alive[key] == "attempt":
            del self.alive[key]
            self.killable.discard(key)
            self.judge(machine, well=False)
            self.tell(StartFailed(key, machine))

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def process_shows_life(self, data: st.DataObject) -> None:
        self.tell(SignOfLife(data.draw(st.sampled_from(sorted(self.alive)))))

    @rule(event=st.sampled_from([JobsAnnounced(), Unfit("disk"), Fit()]))
    def news(self, event: Event) -> None:
        self.tell(event)

    @rule(seconds=st.floats(0, 200))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds
        self.tell()

    @precondition(lambda self: self.stops < 3)
    @rule()
    def stop(self) -> None:
        self.stops += 1
        self.tell(StopAsked())

    @invariant()
    def slots_are_never_exceeded(self) -> None:
        if not hasattr(self, "limits"):
            return
        running = [key for key, what in self.alive.items() if what == "attempt" and not key.startswith("old")]
        finishing = [key for key, what in self.alive.items() if what == "finishing"]
        assert len(running) <= self.limits.slots
        assert len(finishing) <= self.limits.slots

    @invariant()
    def every_process_is_watched(self) -> None:
        if hasattr(self, "supervision") and not self.exited:
            assert set(self.supervision.running) == set(self.alive)

    def teardown(self) -> None:
        """From anywhere: two words to stop, and every process ends or is told to be killed; then the worker exits."""
        if not hasattr(self, "supervision") or self.exited:
            return
        while self.stops < 2:
            self.stop()
        if self.asked:
            self.queue_answers("job")
        self.now_s += 1000
        self.tell()
        assert self.exited or set(self.alive) == self.killable
        for key in list(self.alive):
            del self.alive[key]
            self.unreported.add(key)
            self.tell(Ended(key, reported=False))
        assert self.exited


TestRandomWalk = RandomWalk.TestCase
TestRandomWalk.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
