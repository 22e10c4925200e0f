"""How an attempt's own process learns, on every platform, that it must cancel or that its claim is lost."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from openjd_vstitcher.platform.ports import Platform
from openjd_vstitcher.platform.values import Claim, ClaimState, Outcome

from .platforms import Subject
from .test_queue import claim, submit

pytest_plugins = ["tests.contract.fixtures"]

HEARD_WITHIN_S = 1.5


def heard(watching: Platform, taken: Claim, change: Callable[[], object]) -> ClaimState:
    """The state that a waiting process hears of in time after a change."""
    with ThreadPoolExecutor(1) as pool:
        assert watching.claim_state(taken, timeout_s=0.5) == "held"
        waiting = pool.submit(watching.claim_state, taken, timeout_s=20)
        change()
        changed_at = time.monotonic()
        state = waiting.result()
    assert time.monotonic() - changed_at < HEARD_WITHIN_S
    return state


def test_a_claim_is_held_until_the_time_is_over(subject: Subject) -> None:
    submit(subject.platform)
    taken = claim(subject.platform)
    subject.platform.heartbeat(taken, lease_s=60, progress=5.0)
    began = time.monotonic()
    assert subject.platform.claim_state(taken, timeout_s=0.5) == "held"
    assert 0.4 < time.monotonic() - began < 5
    assert subject.platform.claim_state(taken, timeout_s=0) == "held"


def test_a_cancel_request_is_heard_at_once(subject: Subject) -> None:
    job = submit(subject.platform)
    taken = claim(subject.platform)
    other = subject.open()
    expected = "lost" if subject.kind == "legacy" else "cancel_requested"
    assert heard(subject.platform, taken, lambda: other.request_cancel(job.id)) == expected
    assert subject.platform.claim_state(taken, timeout_s=20) == expected


def test_a_process_that_looks_after_the_request_hears_of_it(subject: Subject) -> None:
    job = submit(subject.platform)
    taken = claim(subject.platform)
    subject.platform.request_cancel(job.id)
    expected = "lost" if subject.kind == "legacy" else "cancel_requested"
    assert subject.open().claim_state(taken, timeout_s=0) == expected


@pytest.mark.parametrize("outcome", [Outcome("NEW"), Outcome("COMPLETED_SUCCESS"), Outcome("CANCELED")])
def test_a_job_that_ended_or_was_given_back_is_lost(subject: Subject, outcome: Outcome) -> None:
    submit(subject.platform)
    taken = claim(subject.platform)
    other = subject.open()
    assert heard(subject.platform, taken, lambda: other.finish(taken, outcome)) == "lost"


def test_a_claim_of_another_worker_loses_the_first(subject: Subject) -> None:
    submit(subject.platform)
    first = claim(subject.platform, "worker-1")
    subject.platform.finish(first, Outcome("NEW"))
    second = claim(subject.platform, "worker-2")
    assert subject.platform.claim_state(first, timeout_s=20) == "lost"
    assert subject.platform.claim_state(second, timeout_s=0) == "held"


def test_another_attempt_or_worker_of_the_same_job_is_lost(leased: Subject) -> None:
    submit(leased.platform)
    taken = claim(leased.platform, "worker-1")
    for other in (dataclasses.replace(taken, attempt=2), dataclasses.replace(taken, worker="worker-2")):
        assert leased.platform.claim_state(other, timeout_s=20) == "lost"


def test_a_claim_whose_lease_ran_out_is_lost_when_the_job_goes_back(leased: Subject) -> None:
    submit(leased.platform)
    taken = claim(leased.platform, lease_s=0)
    other = leased.open()
    assert heard(leased.platform, taken, lambda: other.requeue_expired()) == "lost"
