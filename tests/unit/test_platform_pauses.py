"""Pauses of returned jobs on today's tables, where a process remembers them itself."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from openjd_vstitcher.platform.hasura import pauses as module
from openjd_vstitcher.platform.hasura.pauses import Pauses
from openjd_vstitcher.platform.values import pause_s


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=made))
    return made


def test_a_job_that_its_attempt_gave_back_pauses_longer_each_time(clock: Clock) -> None:
    pauses = Pauses()
    for returns in range(3):
        pauses.claimed("7", f"claim {returns}")
        assert not pauses.may_begin("7", f"claim {returns}")
        assert pauses.now() == ["7"]
        clock.now_s += pause_s(returns) - 0.1
        assert not pauses.may_begin("7", f"claim {returns}")
        clock.now_s += 0.1
        assert pauses.may_begin("7", f"claim {returns}")
        assert pauses.now() == []


def test_a_job_that_others_claimed_or_a_person_retried_does_not_pause(clock: Clock) -> None:
    pauses = Pauses()
    assert pauses.may_begin("unknown", "a claim")
    pauses.claimed("7", "our claim")
    assert pauses.may_begin("7", "a later claim of another worker")
    pauses.claimed("7", "our claim")
    assert not pauses.may_begin("7", "our claim")
    assert pauses.may_begin("7", None)
    assert pauses.may_begin("7", "our claim")


def test_a_claim_that_this_process_ended_itself_pauses_only_if_something_was_in_the_way(clock: Clock) -> None:
    pauses = Pauses()
    pauses.claimed("7", "a claim")
    pauses.ended("7", pauses=False)
    assert pauses.may_begin("7", "a claim")
    pauses.ended("7", pauses=True)
    assert not pauses.may_begin("7", "a claim")
    pauses.forget("7")
    assert pauses.may_begin("7", "a claim")


def test_a_job_is_forgotten_after_a_day_and_not_before(clock: Clock) -> None:
    pauses = Pauses()
    pauses.claimed("7", "first")
    assert not pauses.may_begin("7", "first")
    clock.now_s += 86_400
    pauses.claimed("8", "other")
    assert not pauses.may_begin("8", "other")
    pauses.claimed("7", "second")
    assert not pauses.may_begin("7", "second")
    clock.now_s += pause_s(0)
    assert not pauses.may_begin("7", "second")
    clock.now_s += 86_401
    pauses.claimed("8", "other")
    pauses.claimed("7", "third")
    assert not pauses.may_begin("7", "third")
    clock.now_s += pause_s(0)
    assert pauses.may_begin("7", "third")
