"""The end of a watch, where the system's part of it does not end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.outputs import watch
from openjd_vstitcher.outputs.watch import Watch


class StuckObserver:
    """As watchdog's on Windows where it is stopped between two calls of ReadDirectoryChangesW."""

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def schedule(self, *_: Any, **__: Any) -> None: ...

    def start(self) -> None:
        """Its threads are daemons if the one that starts them is."""
        self.keeps_the_process = not threading.current_thread().daemon

    def stop(self) -> None:
        self.let_go.wait(60)

    def join(self) -> None: ...


@pytest.fixture
def observer(monkeypatch: pytest.MonkeyPatch) -> Iterator[StuckObserver]:
    stuck = StuckObserver()
    monkeypatch.setattr(watch, "_observer", lambda polling: stuck)
    yield stuck
    stuck.let_go.set()


def test_a_watch_ends_though_the_system_does_not_answer_and_reports_nothing_more(
    tmp_path: Path, observer: StuckObserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_STOP_LIMIT_S", 0.1)
    told: list[str] = []
    watched = Watch(tmp_path, on_seen=told.append, on_settled=told.append, settle_s=0.01)
    watched.start()
    started = time.monotonic()
    watched.stop()
    assert time.monotonic() - started < 30
    assert not observer.keeps_the_process
    (tmp_path / "late.png").write_bytes(b"x")
    watched.changed("late.png")
    watched.moved_or_closed("late.png")
    assert told == []
