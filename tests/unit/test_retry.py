"""Pauses between tries, and what is tried again."""

from __future__ import annotations

import threading
from itertools import islice

import pytest

from openjd_vstitcher.errors import PlatformError, StorageError
from openjd_vstitcher.retry import Backoff, retrying


def test_pauses_double_up_to_the_longest_and_differ_by_chance() -> None:
    backoff = Backoff(first_s=1, longest_s=10)
    for _ in range(50):
        pauses = list(islice(backoff, 6))
        for pause, bound in zip(pauses, (1, 2, 4, 8, 10, 10), strict=True):
            assert bound / 2 <= pause <= bound
    assert len({next(iter(backoff)) for _ in range(20)}) > 1


def test_each_iteration_starts_again() -> None:
    backoff = Backoff(first_s=1, longest_s=100)
    assert next(iter(backoff)) <= 1
    assert max(islice(backoff, 8)) > 30
    assert next(iter(backoff)) <= 1


@pytest.mark.parametrize(("first_s", "longest_s"), [(0, 0), (0, 5), (5, 0)])
def test_pause_is_never_zero(first_s: float, longest_s: float) -> None:
    assert all(pause > 0 for pause in islice(Backoff(first_s, longest_s), 5))


def test_bound_stays_finite_after_many_tries() -> None:
    *_, last = islice(Backoff(1, 60), 5000)
    assert last <= 60


@pytest.mark.parametrize("error", [StorageError("away", transient=True), PlatformError("away", transient=True)])
def test_passing_failure_is_tried_again(error: Exception) -> None:
    failures, waits = [error, error], []

    def action() -> str:
        if failures:
            raise failures.pop()
        return "done"

    answer = retrying(
        action, stop=threading.Event(), first_s=0.001, longest_s=0.002, on_wait=lambda *told: waits.append(told)
    )
    assert answer == "done"
    assert [told[0] for told in waits] == [error, error]


@pytest.mark.parametrize("kind", [StorageError, PlatformError])
def test_refused_credential_is_waited_for(kind: type[StorageError] | type[PlatformError]) -> None:
    failures = [kind("it is being renewed", transient=False, credential=True)]

    def action() -> str:
        if failures:
            raise failures.pop()
        return "done"

    assert (
        retrying(action, stop=threading.Event(), first_s=0.001, longest_s=0.002, on_wait=lambda *told: None) == "done"
    )


def test_lasting_failure_is_raised_at_once() -> None:
    def action() -> None:
        raise StorageError("no such bucket", transient=False)

    with pytest.raises(StorageError, match="no such bucket"):
        retrying(action, stop=threading.Event(), first_s=60, longest_s=60, on_wait=lambda *_: pytest.fail("waits"))


def test_stop_ends_the_waiting_with_the_last_error() -> None:
    stop = threading.Event()

    def action() -> None:
        raise StorageError("away", transient=True)

    with pytest.raises(StorageError, match="away"):
        retrying(action, stop=stop, first_s=60, longest_s=60, on_wait=lambda *_: stop.set())
