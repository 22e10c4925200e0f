"""What the monitor of a request does about an engine that exits, hangs, takes too long, or does not cancel."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from openjd_vstitcher.config import EngineConfig
from openjd_vstitcher.engine import monitor
from openjd_vstitcher.engine.hang import Sample
from openjd_vstitcher.engine.monitor import RequestMonitor
from openjd_vstitcher.engine.requests import EngineRequest
from openjd_vstitcher.failures import EngineFailed

CONFIG = EngineConfig(export_limit_s=120, hang_limit_s=30)


@dataclass
class FakeEngine:
    """An engine whose state is set by a test, and which records what is done to it."""

    now_s: float = 1000.0
    alive: bool = True
    current_call: str = ""
    popup: str = ""
    cpu_s: float = 0.0
    done: list[str] = field(default_factory=list)

    def sample(self, output_dir: Path | None) -> Sample:
        return Sample(self.now_s, self.cpu_s, 0, 0)

    def cancel(self) -> None:
        self.done.append("cancel")

    def handle_popups(self, stage: str) -> str:
        return self.popup

    def housekeep(self) -> None:
        self.done.append("housekeep")

    def wait_for_exit(self) -> None:
        self.done.append("wait")

    def failure(self, stage: str, message: str, *, with_windows: bool = False, canceled: bool = False) -> EngineFailed:
        windows = {"windows": []} if with_windows else {}
        return EngineFailed({"stage": stage, "message": message, **windows}, canceled=canceled)

    def kill(self) -> None:
        self.done.append("kill")


@dataclass
class Watched:
    """A monitored request, and a clock to move."""

    engine: FakeEngine
    request: EngineRequest
    monitor: RequestMonitor
    sent: list[dict[str, Any]]

    def later(self, seconds: float) -> None:
        self.engine.now_s += seconds
        self.monitor.check()


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    engine, sent = FakeEngine(), []
    monkeypatch.setattr(monitor, "time", SimpleNamespace(monotonic=lambda: engine.now_s))
    request = EngineRequest({}, sent.append, asyncio.Event(), stage="export")
    return Watched(engine, request, RequestMonitor(engine, request, CONFIG), sent)


def failure(watched: Watched, after_s: float) -> EngineFailed:
    with pytest.raises(EngineFailed) as caught:
        watched.later(after_s)
    assert watched.engine.done[-1] == "kill"
    return caught.value


def test_engine_is_looked_at_once_per_second(watched: Watched) -> None:
    for _ in range(8):
        watched.later(0.25)
    assert watched.engine.done == ["housekeep", "housekeep"]


def test_engine_that_exited_fails_the_request_with_its_current_call(watched: Watched) -> None:
    watched.engine.alive, watched.engine.current_call = False, "RenderImageEx"
    assert str(failure(watched, 0)) == "the engine exited during the request (in RenderImageEx)"
    assert watched.engine.done == ["wait", "kill"]


def test_request_over_its_time_limit_fails_although_the_engine_is_busy(watched: Watched) -> None:
    for _ in range(60):
        watched.engine.cpu_s += 2
        watched.later(2)
    error = failure(watched, 1)
    assert error.failure == {"stage": "export", "message": "timed out after 2 minutes", "windows": []}


def test_idle_engine_fails_the_request_after_the_hang_limit(watched: Watched) -> None:
    watched.later(1)
    watched.later(29)
    assert str(failure(watched, 1)) == ("the engine stopped responding: no CPU use, no output and no API call for 30 s")


def test_cancelation_is_passed_on_once_and_the_engine_is_killed_after_a_grace_period(watched: Watched) -> None:
    watched.request.canceled.set()
    watched.later(0.5)
    watched.later(0.4)
    assert watched.engine.done == ["cancel"]
    error = failure(watched, 8)
    assert error.canceled
    assert str(error) == "canceled; the engine did not stop in time and was killed"


def test_answered_popup_is_reported_to_the_client(watched: Watched) -> None:
    watched.engine.popup = "clicked OK"
    watched.later(1)
    assert watched.sent == [{"type": "status", "text": "clicked OK"}]
