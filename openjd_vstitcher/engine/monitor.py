"""Watches the engine while it works on one request: time limit, hangs, cancelation and popup windows."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

from ..config import EngineConfig
from ..failures import EngineFailed
from .hang import HangDetector, Sample
from .requests import EngineRequest

_LOOK_S = 1.0
_CANCEL_GRACE_S = 8.0


class MonitoredEngine(Protocol):
    """What the monitor needs of an engine."""

    @property
    def alive(self) -> bool:
        """True while it runs and is connected."""

    @property
    def current_call(self) -> str:
        """The API call that it is in, "" if none is known."""

    def sample(self, output_dir: Path | None) -> Sample:
        """Its activity now."""

    def cancel(self) -> None:
        """Ask the plugin to cancel the current request."""

    def handle_popups(self, stage: str) -> str:
        """Apply the popup rules of the configuration; what was done, "" if nothing."""

    def housekeep(self) -> None:
        """Trim the log and reap processes that have exited."""

    def wait_for_exit(self) -> None:
        """Wait briefly for the process to exit after its connection has closed."""

    def failure(self, stage: str, message: str, *, with_windows: bool = False, canceled: bool = False) -> EngineFailed:
        """A failure with the current state of the engine."""

    def kill(self) -> None:
        """End it at once."""


class RequestMonitor:
    """Watches one request. `check` is called often; the costly checks run once per second.

    Parameters
    ----------
    engine: the engine that works on the request.
    """

    def __init__(self, engine: MonitoredEngine, request: EngineRequest, config: EngineConfig) -> None:
        self._engine = engine
        self._request = request
        self._config = config
        self._begun_s = time.monotonic()
        self._next_look_s = self._begun_s + _LOOK_S
        self._canceled_s: float | None = None
        self._hang_detector: HangDetector | None = None

    def check(self) -> None:
        """Check that the request may continue.

        Raises
        ------
        EngineFailed: the engine has exited, hangs, took too long, shows a window that a rule refuses, or did not stop
        after being canceled. The engine is gone then.
        """
        if not self._engine.alive:
            self._engine.wait_for_exit()
            raise self._fail("the engine exited during the request" + self._in_call())
        self._check_cancelation()
        limit_s = self._config.export_limit_s
        if time.monotonic() - self._begun_s > limit_s:
            raise self._fail(f"timed out after {limit_s / 60:g} minutes{self._in_call()}", with_windows=True)
        if time.monotonic() >= self._next_look_s:
            self._next_look_s = time.monotonic() + _LOOK_S
            self._look()

    def _look(self) -> None:
        self._engine.housekeep()
        handled = self._engine.handle_popups(self._request.stage)
        if handled:
            self._request.send({"type": "status", "text": handled})
        self._check_hang()

    def _check_cancelation(self) -> None:
        if not self._request.canceled.is_set():
            return
        if self._canceled_s is None:
            self._canceled_s = time.monotonic()
            self._engine.cancel()
        elif time.monotonic() - self._canceled_s > _CANCEL_GRACE_S:
            self._engine.kill()
            message = "canceled; the engine did not stop in time and was killed"
            raise self._engine.failure(self._request.stage, message, canceled=True)

    def _check_hang(self) -> None:
        sample, config = self._engine.sample(self._request.output_dir), self._config
        if self._hang_detector is None:
            self._hang_detector = HangDetector(
                sample, hang_limit_s=config.hang_limit_s, idle_cpu_share=config.idle_cpu_share
            )
        elif self._hang_detector.hung(sample):
            idle = f"no CPU use, no output and no API call for {config.hang_limit_s:g} s"
            raise self._fail(f"the engine stopped responding{self._in_call()}: {idle}", with_windows=True)

    def _fail(self, message: str, *, with_windows: bool = False) -> EngineFailed:
        """Kill the engine; the failure describes it as it was before."""
        error = self._engine.failure(self._request.stage, message, with_windows=with_windows)
        self._engine.kill()
        return error

    def _in_call(self) -> str:
        return f" (in {self._engine.current_call})" if self._engine.current_call else ""
