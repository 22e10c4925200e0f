"""The lease of an attempt, against a queue that does what a test says."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from openjd_vstitcher import clock
from openjd_vstitcher.attempt.directory import AttemptDirectory
from openjd_vstitcher.attempt.lease import LOST_EXIT_CODE, Lease, LeaseTimes, Stop
from openjd_vstitcher.attempt.request import AttemptRequest
from openjd_vstitcher.attempt.status import StatusFile
from openjd_vstitcher.errors import ClaimLost, PlatformError
from openjd_vstitcher.events import ActionStatus, Event, SessionEnded, SessionStarted
from openjd_vstitcher.journal import Entry, Journal
from openjd_vstitcher.platform.values import Beat, Claim, Job


class Queue:
    """A queue whose answers a test chooses."""

    def __init__(self) -> None:
        self.beats = 0
        self.state: Literal["held", "cancel_requested", "lost"] = "held"
        self.answer: Callable[[], Beat] = lambda: Beat(datetime.now(UTC), cancel_requested=False)
        self.beaten = threading.Event()

    def heartbeat(self, claim: Claim, **_: Any) -> Beat:
        self.beats += 1
        self.beaten.set()
        return self.answer()

    def claim_state(self, claim: Claim, *, timeout_s: float) -> str:
        time.sleep(min(timeout_s, 0.02))
        return self.state

    def record(self, claim: Claim, entries: object) -> None:
        pass


def lease_of(folder: Path, queue: Any, *, length_s: float, leased: bool = True) -> Lease:
    now = datetime.now(UTC)
    job = Job("7", "TEST", "p", {}, "IN_PROGRESS", 0, now, now, lease_expires_at=now if leased else None)
    claim = Claim(job, {}, 1, "w", now if leased else None)
    directory = AttemptDirectory(folder / "7.1")
    directory.create(AttemptRequest.of(claim, clock.now_s()))
    status = StatusFile(directory.status, job_id="7", attempt=1)
    return Lease(queue, claim, directory, status, length_s=length_s, claimed_s=clock.now_s())


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def stops() -> list[Stop]:
    return []


def wait_for(condition: Callable[[], object], limit_s: float = 10.0) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < limit_s, "it did not come to that"
        threading.Event().wait(0.01)
    return time.monotonic() - began


@pytest.mark.parametrize(("length_s", "beat_s", "stop_s"), [(120, 30, 105), (4, 1, 3), (1, 0.25, 0.5)])
def test_a_lease_is_renewed_and_given_up_in_time(length_s: float, beat_s: float, stop_s: float) -> None:
    times = LeaseTimes(length_s, renewed_s=1000)
    assert (times.beat_s, times.stop_s) == (1000 + beat_s, 1000 + stop_s)
    assert times.stop_s < times.exit_s < 1000 + length_s


def test_without_leases_nothing_is_given_up() -> None:
    times = LeaseTimes(None, renewed_s=1000)
    assert times.stop_s == times.exit_s == float("inf")


def test_the_lease_is_renewed_at_once_and_for_as_long_as_it_is_held(tmp_path: Path, queue: Queue) -> None:
    with lease_of(tmp_path, queue, length_s=1) as lease:
        wait_for(lambda: queue.beats >= 8)
        assert lease.stop is None
    beats = queue.beats
    time.sleep(0.6)
    assert queue.beats <= beats + 1


def test_a_cancel_request_stops_the_attempt_within_a_second(tmp_path: Path, queue: Queue, stops: list[Stop]) -> None:
    with lease_of(tmp_path, queue, length_s=120) as lease:
        lease.on_stop(stops.append)
        assert queue.beaten.wait(5)
        queue.state = "cancel_requested"
        assert wait_for(lambda: stops) < 1.0
    assert stops == ["canceled"]


def test_a_stop_that_came_before_anyone_listened_is_told(tmp_path: Path, queue: Queue, stops: list[Stop]) -> None:
    queue.answer = lambda: Beat(datetime.now(UTC), cancel_requested=True)
    with lease_of(tmp_path, queue, length_s=120) as lease:
        wait_for(lambda: lease.stop)
        lease.on_stop(stops.append)
    assert stops == ["canceled"]


def test_a_request_to_give_the_job_back_is_seen(tmp_path: Path, queue: Queue, stops: list[Stop]) -> None:
    with lease_of(tmp_path, queue, length_s=120) as lease:
        lease.on_stop(stops.append)
        lease._directory.give_back_request.touch()
        assert wait_for(lambda: stops) < 2.0
    assert stops == ["given back"]


@pytest.mark.parametrize(
    "others", [[SessionStarted(session="a")], [SessionStarted(session="a"), SessionEnded(session="a")]]
)
def test_an_event_that_the_queue_rejects_does_not_take_the_others_with_it(
    tmp_path: Path, queue: Queue, others: list[Event]
) -> None:
    kept: list[str] = []

    def record(claim: Claim, entries: Sequence[Entry]) -> None:
        if any(entry.name == "action_status" for entry in entries):
            raise PlatformError("invalid input syntax")
        kept.extend(entry.name for entry in entries)

    queue.record = record  # type: ignore[method-assign, assignment]
    lease = lease_of(tmp_path, queue, length_s=120)
    journal = Journal(tmp_path / "7.1" / "journal.jsonl", job_id="7")
    for event in (others[0], ActionStatus(status="?"), *others[1:]):
        journal.append(event)
    lease.record()
    assert kept == ["session_started", "session_ended"][: len(others)]


@pytest.mark.parametrize("how", ["heartbeat", "state"])
def test_a_lost_claim_stops_the_attempt(tmp_path: Path, queue: Queue, stops: list[Stop], how: str) -> None:
    def lost() -> Beat:
        raise ClaimLost("it is another's")

    if how == "heartbeat":
        queue.answer = lost
    else:
        queue.state = "lost"
    with lease_of(tmp_path, queue, length_s=120) as lease:
        lease.on_stop(stops.append)
        wait_for(lambda: stops)
        assert lease.lost
    assert stops == ["lost"]


def test_losing_the_lease_wins_over_every_other_reason(tmp_path: Path, queue: Queue, stops: list[Stop]) -> None:
    with lease_of(tmp_path, queue, length_s=120) as lease:
        lease.on_stop(stops.append)
        lease.give_back()
        lease.give_back()
        lease._must_stop("lost")
        lease._must_stop("canceled")
    assert stops == ["given back", "lost"]


@pytest.mark.parametrize("trouble", ["refuses", "hangs"])
def test_an_attempt_that_cannot_renew_its_lease_stops_before_it_ends(
    tmp_path: Path, queue: Queue, stops: list[Stop], trouble: str
) -> None:
    over = threading.Event()

    def away() -> Beat:
        if trouble == "hangs":
            over.wait(20)
        raise PlatformError("the queue is away", transient=True)

    queue.answer = away
    began_s = clock.now_s()
    with lease_of(tmp_path, queue, length_s=2) as lease:
        lease.on_stop(stops.append)
        wait_for(lambda: stops)
        assert clock.now_s() - began_s < 2
        lease.work_over()
    over.set()
    assert stops == ["lost"]


def test_a_lease_that_is_held_ends_with_its_threads(tmp_path: Path, queue: Queue) -> None:
    before = set(threading.enumerate())
    with lease_of(tmp_path, queue, length_s=120):
        assert queue.beaten.wait(5)
    left = set(threading.enumerate()) - before
    assert [thread.name for thread in left if thread.name.startswith("lease")] == []


def test_a_lost_lease_does_not_wait_for_a_queue_that_hangs(
    tmp_path: Path, queue: Queue, stops: list[Stop], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openjd_vstitcher.attempt.lease._JOIN_S", 20.0)
    over = threading.Event()

    def hang() -> Beat:
        over.wait(60)
        raise PlatformError("the queue is away", transient=True)

    queue.answer = hang
    with lease_of(tmp_path, queue, length_s=2) as lease:
        lease.on_stop(stops.append)
        wait_for(lambda: stops)
        lease.work_over()
        ended = time.monotonic()
    assert time.monotonic() - ended < 10
    over.set()
    assert stops == ["lost"]


def test_without_leases_an_attempt_outlasts_a_queue_that_is_away(
    tmp_path: Path, queue: Queue, stops: list[Stop]
) -> None:
    def away() -> Beat:
        raise PlatformError("the queue is away", transient=True)

    queue.answer = away
    with lease_of(tmp_path, queue, length_s=1, leased=False) as lease:
        lease.on_stop(stops.append)
        time.sleep(1.5)
        assert lease.stop is None


def test_a_process_that_does_not_stop_is_ended_before_its_lease_is(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from tests.unit.test_lease import Queue, lease_of\n"
        "queue = Queue(); queue.heartbeat = lambda *a, **k: time.sleep(60)\n"
        "with lease_of(Path(sys.argv[1]), queue, length_s=2): time.sleep(60)"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, timeout=60)
    assert done.returncode == LOST_EXIT_CODE
    assert time.monotonic() - began < 30


STANDS_STILL = """
import sys, threading, time
from pathlib import Path
from openjd_vstitcher.attempt import lease
from tests.unit.test_lease import Queue, lease_of
lease.HANG_S = 1.0
queue = Queue()
with lease_of(Path(sys.argv[1]), queue, length_s=120) as held:
    for _ in range(int(sys.argv[2])):
        held._status.alive(1.0)
        time.sleep(0.1)
    assert held.stop is None and queue.beats
    if int(sys.argv[3]):
        time.sleep(60)
"""


@pytest.mark.parametrize(("steps", "stands_still"), [(1, True), (40, True), (40, False)])
@pytest.mark.slow
def test_law_10_a_process_whose_work_stands_still_ends_itself_and_its_lease(
    tmp_path: Path, steps: int, stands_still: bool
) -> None:
    """Without a daemon nobody else would: its threads live, and renew the lease for ever."""
    command = [sys.executable, "-c", STANDS_STILL, str(tmp_path), str(steps), str(int(stands_still))]
    done = subprocess.run(command, check=False, timeout=50, capture_output=True, text=True)
    assert done.returncode == (LOST_EXIT_CODE if stands_still else 0), done.stderr
    if stands_still:
        assert "7 has made no progress for 1 s: ending its process" in done.stderr


def test_events_that_cannot_be_sent_are_sent_later_in_order(tmp_path: Path, queue: Queue) -> None:
    lease = lease_of(tmp_path, queue, length_s=120)
    recorded: list[int] = []
    away = [True, True, False]

    def record(claim: Claim, entries: Sequence[Entry]) -> None:
        if away.pop(0):
            raise PlatformError("the queue is away", transient=True)
        recorded.extend(entry.seq for entry in entries)

    queue.record = record  # type: ignore[assignment,method-assign]
    journal = Journal(tmp_path / "7.1" / "journal.jsonl", job_id="7")
    for session in "abc":
        journal.append(SessionStarted(session=session))
        lease.record()
    journal.close()
    assert recorded == [1, 2, 3]
