"""What is particular to the embedded platform: its file."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from openjd_vstitcher.config import PlatformConfig
from openjd_vstitcher.errors import ConfigError, PlatformError
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.embedded.sql import script
from openjd_vstitcher.platform.values import NewJob, Outcome

_PROCESS = """
import sys
from pathlib import Path
from openjd_vstitcher.platform.embedded.platform import EmbeddedPlatform
from openjd_vstitcher.platform.values import NewJob
platform = EmbeddedPlatform(Path(sys.argv[1]))
platform.put_preset({"key": "k", "details": {}})
for _ in range(30):
    platform.submit(NewJob("TEST", "k", {}))
while (claim := platform.claim(sys.argv[2], ["TEST"], lease_s=60)) is not None:
    print(claim.job.id)
"""


def test_processes_that_start_together_share_the_file(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _PROCESS, str(tmp_path / "platform.sqlite")]
    processes = [subprocess.Popen([*command, f"w{i}"], stdout=subprocess.PIPE, text=True) for i in range(4)]
    claimed = [job_id for process in processes for job_id in process.communicate(timeout=60)[0].split()]
    assert [process.returncode for process in processes] == [0] * 4
    assert len(claimed) == len(set(claimed)) == 120


def test_what_was_submitted_is_there_after_a_restart(tmp_path: Path) -> None:
    config = PlatformConfig(path=tmp_path / "new" / "platform.sqlite")
    platform = open_platform(config)
    platform.put_preset({"key": "k", "details": {"instructions": []}})
    job = platform.submit(NewJob("TEST", "k", {"style_id": "s"}))
    platform.close()
    assert open_platform(config).job(job.id) == job


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "platform.sqlite"
    file.write_text("this is a text, and long enough to be looked at as the head of a database file" * 20)
    with pytest.raises(PlatformError, match=r"cannot open the platform .*not a database"):
        open_platform(PlatformConfig(path=file))


def test_a_platform_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "platform.sqlite"
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(PlatformError, match="version 99; this release knows up to"):
        open_platform(PlatformConfig(path=file))


def test_a_platform_of_an_earlier_release_is_upgraded(tmp_path: Path) -> None:
    config = PlatformConfig(path=tmp_path / "platform.sqlite")
    with closing(sqlite3.connect(config.path)) as database:
        database.executescript(script("schema.sql"))
        database.execute("INSERT INTO job_preset VALUES ('k', 'k', 0, NULL, NULL, '{}', '2026', '2026')")
        database.execute(
            "INSERT INTO job (id, created_at, updated_at, status, type, preset_key, details)"
            " VALUES ('j', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', 'NEW', 'TEST', 'k', '{}')"
        )
        database.execute("PRAGMA user_version = 1")
        database.commit()
    upgraded = open_platform(config)
    assert (upgraded.job("j").status, upgraded.job("j").result) == ("NEW", None)
    assert upgraded.claim("w", ["TEST"], lease_s=0) is not None
    assert upgraded.requeue_expired() == ["j"]
    claim = upgraded.claim("w", ["TEST"], lease_s=60)
    assert claim is not None
    upgraded.finish(claim, Outcome("COMPLETED_SUCCESS", result={"n": 1}))
    upgraded.close()
    again = open_platform(config)
    assert again.job("j").result == {"n": 1}
    assert "VSTITCHER_FILE" in (again.asset_types() or ())
    again.close()


def test_an_unknown_kind_of_platform_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected embedded, hasura or http, found 'mongo'"):
        open_platform(PlatformConfig(kind="mongo"))


def modes(directory: Path) -> dict[str, str]:
    return {file.name: oct(file.stat().st_mode & 0o777) for file in directory.iterdir()}


@pytest.mark.skipif(sys.platform == "win32", reason="file modes are POSIX's")
def test_only_the_owner_can_read_the_queue(tmp_path: Path) -> None:
    file = tmp_path / "platform.sqlite"
    private = dict.fromkeys(("platform.sqlite", "platform.sqlite-shm", "platform.sqlite-wal"), "0o600")
    before = os.umask(0)
    try:
        first = open_platform(PlatformConfig(path=file))
        first.put_preset({"key": "k", "details": {}})
        assert modes(tmp_path) == private
        for each in tmp_path.iterdir():
            each.chmod(0o666)
        second = open_platform(PlatformConfig(path=file))
        assert modes(tmp_path) == private
    finally:
        os.umask(before)
    second.close()
    first.close()


def test_a_claim_is_watched_while_another_process_writes_for_long(tmp_path: Path) -> None:
    file = tmp_path / "platform.sqlite"
    platform = open_platform(PlatformConfig(path=file))
    platform.put_preset({"key": "k", "details": {}})
    platform.submit(NewJob("TEST", "k", {}))
    claim = platform.claim("w", ["TEST"], lease_s=60)
    assert claim is not None
    with closing(sqlite3.connect(file, isolation_level=None)) as other, ThreadPoolExecutor(1) as pool:
        other.execute("BEGIN IMMEDIATE")
        blocked = pool.submit(platform.heartbeat, claim, lease_s=60)
        assert platform.claim_state(claim, timeout_s=0.3) == "held"
        assert not blocked.done()
        other.execute("ROLLBACK")
        assert not blocked.result().cancel_requested
    platform.close()
