"""Law 10: a disk that is full when an action fails is noticed."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from openjd_vstitcher.attempt.disk import DiskWatch
from openjd_vstitcher.events import ActionEnded, Failure
from openjd_vstitcher.journal import Entry


@pytest.mark.parametrize(
    ("failure", "short_of"),
    [
        (Failure(action="run a", message="x; engine error: [Errno 28] No space left on device"), "No space left"),
        (Failure(action="run a", message="x", last_lines=["a", "write: no space left on device"]), "write: no space"),
        (Failure(action="run a", message="x; engine error: Disk quota exceeded"), "quota"),
        (Failure(action="run a", message="[WinError 112] There is not enough space on the disk"), "WinError 112"),
        (Failure(action="run a", message="no space is left for this sleeve"), ""),
        (None, ""),
    ],
)
def test_what_a_program_says_of_a_full_disk_is_understood(
    tmp_path: Path, failure: Failure | None, short_of: str
) -> None:
    watch = DiskWatch(tmp_path, min_free_bytes=0)
    ended = ActionEnded(kind="run", state="failed", exit_code=1, seconds=1.0, failure=failure)
    watch.on_event(Entry(1, datetime.now(UTC), "7", 1, ended))
    assert short_of in watch.shortage()
    assert bool(watch.shortage()) == bool(short_of)


def test_the_disk_is_looked_at_when_an_action_fails(tmp_path: Path) -> None:
    total = shutil.disk_usage(tmp_path).total
    failed = ActionEnded(
        kind="run", state="failed", exit_code=1, seconds=1.0, failure=Failure(action="run a", message="code 5")
    )
    watch = DiskWatch(tmp_path, min_free_bytes=total)
    assert "MiB are free on the disk of" in watch.shortage()
    watch.on_event(Entry(1, datetime.now(UTC), "7", 1, failed))
    watch._min_free_bytes = 0  # the partial file is removed
    assert "MiB are free on the disk of" in watch.shortage()
