"""The bandwidth limit."""

from __future__ import annotations

import threading
import time

from openjd_vstitcher.storage.pace import Pace


def test_all_threads_together_stay_under_the_limit() -> None:
    pace, began = Pace(1_000_000), time.monotonic()
    threads = [threading.Thread(target=lambda: [pace.take(25_000) for _ in range(5)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0.45 <= time.monotonic() - began < 5


def test_no_limit_is_no_wait() -> None:
    pace, began = Pace(0), time.monotonic()
    pace.take(1 << 50)
    assert time.monotonic() - began < 1
