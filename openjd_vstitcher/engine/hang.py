"""Tells a busy engine from a hanging one, by its CPU use, output and API calls. Pure: works on samples."""

from __future__ import annotations

from dataclasses import dataclass

_MIN_CPU_S = 0.05


@dataclass(frozen=True)
class Sample:
    """The engine's activity at a point in time.

    Parameters
    ----------
    time_s: of a monotonic clock.
    cpu_s: CPU seconds used so far.
    written_bytes: size of its output: log and export files.
    calls: API calls begun or finished so far, as reported by the plugin.
    """

    time_s: float
    cpu_s: float
    written_bytes: int
    calls: int


class HangDetector:
    """Compares the samples of one request.

    Parameters
    ----------
    hang_limit_s: how long the engine may show no activity.
    idle_cpu_share: the share of one CPU below which CPU use counts as no activity.
    """

    def __init__(self, first: Sample, *, hang_limit_s: float, idle_cpu_share: float) -> None:
        self._limit_s = hang_limit_s
        self._idle_cpu_share = idle_cpu_share
        self._last_active = first

    def hung(self, sample: Sample) -> bool:
        """True if there was no activity for the limit."""
        last = self._last_active
        elapsed_s = sample.time_s - last.time_s
        used_s = sample.cpu_s - last.cpu_s
        active = (
            sample.calls != last.calls
            or sample.written_bytes != last.written_bytes
            or used_s < 0
            or used_s > max(self._idle_cpu_share * elapsed_s, _MIN_CPU_S)
        )
        if active:
            self._last_active = sample
            return False
        return elapsed_s >= self._limit_s
