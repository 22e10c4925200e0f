"""An engine that uses, writes or calls nothing hangs; one that does any of these is busy."""

from __future__ import annotations

import pytest

from openjd_vstitcher.engine.watch import Sample, Watch


def watch() -> Watch:
    return Watch(Sample(0, 10, 100, 5), hang_limit_s=30, idle_cpu_share=0.02)


@pytest.mark.parametrize(
    "later",
    [
        Sample(29, 10, 100, 5),
        Sample(31, 11, 100, 5),
        Sample(31, 10, 101, 5),
        Sample(31, 10, 100, 6),
        Sample(31, 3, 100, 5),
    ],
    ids=["not long enough", "uses the processor", "writes", "calls", "a child has ended"],
)
def test_busy_engine_does_not_hang(later: Sample) -> None:
    assert not watch().hung(later)


@pytest.mark.parametrize("cpu_s", [10.0, 10.3], ids=["uses nothing", "only beats"])
def test_idle_engine_hangs_after_the_limit(cpu_s: float) -> None:
    assert watch().hung(Sample(30, cpu_s, 100, 5))


def test_each_sign_of_life_starts_the_limit_anew() -> None:
    watching = watch()
    assert not watching.hung(Sample(20, 10, 200, 5))
    assert not watching.hung(Sample(49, 10, 200, 5))
    assert watching.hung(Sample(50, 10, 200, 5))


def test_slow_work_is_noticed_although_each_look_sees_little() -> None:
    watching = watch()
    for second in range(1, 120):
        assert not watching.hung(Sample(second, 10 + 0.03 * second, 100, 5))
