"""What is particular to the embedded platform: its file."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from openjd_vstitcher.config import PlatformConfig
from openjd_vstitcher.errors import ConfigError, PlatformError
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.values import NewJob

_PROCESS = """
import sys
from pathlib import Path
from openjd_vstitcher.platform.embedded import EmbeddedPlatform
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


def test_an_unknown_kind_of_platform_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected embedded or hasura, found 'mongo'"):
        open_platform(PlatformConfig(kind="mongo"))
