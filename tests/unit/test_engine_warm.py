"""An engine is kept warm only while its state is unchanged, and only one session gets it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.config import Config, EngineConfig, WorkerConfig
from openjd_vstitcher.engine import warm
from openjd_vstitcher.engine.launchers import Launch
from openjd_vstitcher.engine.warm import EngineUsage, reason_to_stop
from openjd_vstitcher.errors import EngineError

STATE = {"garment": "", "environment": "Studio", "light": "Soft box"}
NEW = EngineUsage(1, 60, 100, 100, STATE, STATE, 0)
CONFIG = EngineConfig(keep_warm_jobs=5, keep_warm_minutes=10, keep_warm_growth=2)


def test_engine_in_its_first_state_is_kept() -> None:
    assert reason_to_stop(NEW, CONFIG) == ""
    assert reason_to_stop(dataclasses.replace(NEW, memory_bytes=0, first_memory_bytes=0), CONFIG) == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"state": {**STATE, "garment": "g1"}}, "a garment is still open"),
        ({"state": {**STATE, "light": "Window"}}, "the last session changed light"),
        ({"leftover_processes": 1}, "processes of the last session are still running (1)"),
        ({"sessions": 5}, "it has reached keep_warm_jobs (5)"),
        ({"age_s": 600}, "it is 10 minutes old"),
        ({"memory_bytes": 201}, "its memory has grown from 100 to 201 bytes"),
    ],
)
def test_engine_that_changed_or_is_over_a_limit_is_not_kept(change: dict[str, Any], reason: str) -> None:
    assert reason_to_stop(dataclasses.replace(NEW, **change), CONFIG) == reason


def test_sessions_share_an_engine_only_if_all_settings_are_equal() -> None:
    launch = Launch("standin", ("python",))
    same = warm.identity(launch, CONFIG)
    assert same == warm.identity(Launch("standin", ("python",)), dataclasses.replace(CONFIG))
    assert same != warm.identity(Launch("vs-cli", ("python",)), CONFIG)
    assert same != warm.identity(launch, dataclasses.replace(CONFIG, standin_max_pixels=1))


def test_warm_engine_is_claimed_by_one_session(tmp_path: Path) -> None:
    connection = {"host": "127.0.0.1", "port": 1, "key": "k"}
    warm.offer(tmp_path / "1.json", connection, "other")
    warm.offer(tmp_path / "2.json", connection, "same")
    (tmp_path / "3.json").write_text("no connection", encoding="utf-8")
    first = warm.claim(tmp_path, "same")
    taken = next(first)
    assert taken.name.startswith("2.taken-")
    assert list(warm.claim(tmp_path, "same")) == []
    first.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.json", "3.json"]


@pytest.mark.posix(reason="the folder of Windows is in test_windows_access.py")
def test_folder_writable_by_others_is_refused(tmp_path: Path) -> None:
    config = Config(worker=WorkerConfig(work_dir=tmp_path / "jobs"))
    folder = warm.folder(config)
    assert folder == tmp_path / "warm"
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o770)
    with pytest.raises(EngineError, match="must be writable by this user only"):
        warm.folder(config)
