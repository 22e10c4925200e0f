"""Tells an engine that is busy from one that hangs, by what it uses, writes and calls. Pure: it is given samples."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """What could be seen of an engine at a moment.

    Parameters
    ----------
    time_s: of a monotonic clock.
    cpu_s: processor seconds used so far.
    written_bytes: size of its output: log and export.
    calls: how many calls of its API have begun or ended, as far as it could say.
    """

    time_s: float
    cpu_s: float
    written_bytes: int
    calls: int


class Watch:
    """The samples of one request.

    Parameters
    ----------
    hang_limit_s: how long nothing may happen.
    idle_cpu_share: the share of a processor that still counts as nothing.
    """

    def __init__(self, first: Sample, *, hang_limit_s: float, idle_cpu_share: float) -> None:
        self._limit_s = hang_limit_s
        self._share = idle_cpu_share
        self._last_sign = first

    def hung(self, sample: Sample) -> bool:
        """Whether nothing has happened for the limit."""
        last = self._last_sign
        passed_s = sample.time_s - last.time_s
        used_s = sample.cpu_s - last.cpu_s
        alive = (
            sample.calls != last.calls
            or sample.written_bytes != last.written_bytes
            or used_s < 0
            or used_s > max(self._share * passed_s, _LEAST_CPU_S)
        )
        if alive:
            self._last_sign = sample
            return False
        return passed_s >= self._limit_s


_LEAST_CPU_S = 0.05
