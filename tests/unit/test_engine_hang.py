"""An engine without CPU use, output and API calls is hanging; one with any of these is busy."""

from __future__ import annotations

import pytest

from openjd_vstitcher.engine.hang import HangDetector, Sample


def detector() -> HangDetector:
    return HangDetector(Sample(0, 10, 100, 5), hang_limit_s=30, idle_cpu_share=0.02)


@pytest.mark.parametrize(
    "later",
    [
        Sample(29, 10, 100, 5),
        Sample(31, 11, 100, 5),
        Sample(31, 10, 101, 5),
        Sample(31, 10, 100, 6),
        Sample(31, 3, 100, 5),
    ],
    ids=["not long enough", "uses CPU", "writes", "calls", "a child has exited"],
)
def test_busy_engine_does_not_hang(later: Sample) -> None:
    assert not detector().hung(later)


@pytest.mark.parametrize("cpu_s", [10.0, 10.3], ids=["uses nothing", "only sends heartbeats"])
def test_idle_engine_hangs_after_the_limit(cpu_s: float) -> None:
    assert detector().hung(Sample(30, cpu_s, 100, 5))


def test_any_activity_restarts_the_limit() -> None:
    hang = detector()
    assert not hang.hung(Sample(20, 10, 200, 5))
    assert not hang.hung(Sample(49, 10, 200, 5))
    assert hang.hung(Sample(50, 10, 200, 5))


def test_slow_work_counts_although_each_sample_shows_little() -> None:
    hang = detector()
    for second in range(1, 120):
        assert not hang.hung(Sample(second, 10 + 0.03 * second, 100, 5))
