"""A newcomer's exercise: a storage adapter takes two files and one line, and the contract tells when it is done."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from openjd_vstitcher.config import Config, LocalStorageConfig, StorageConfig
from openjd_vstitcher.errors import ConfigError
from openjd_vstitcher.storage.adapters import ADAPTERS, open_storage

from .conftest import KINDS
from .subjects import sqlite

_ADAPTER = Path(__file__).parent / "exercise" / "sqlite_storage.py"


def test_adapter_has_at_most_60_lines() -> None:
    assert len(_ADAPTER.read_text(encoding="utf-8").splitlines()) <= 60


def test_every_adapter_is_under_the_contract() -> None:
    assert set(KINDS) == {*ADAPTERS, *sqlite.LINE}


def test_adapter_is_chosen_by_its_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ((kind, place),) = sqlite.LINE.items()
    config = Config(storage=StorageConfig(kind=kind, local=LocalStorageConfig(tmp_path)))
    with pytest.raises(ConfigError, match=r"storage\.kind: expected local or s3, found 'sqlite'"):
        open_storage(config)
    monkeypatch.setitem(ADAPTERS, kind, place)
    assert type(open_storage(config)).__name__ == "SqliteStorage"


def test_only_the_adapter_that_is_chosen_is_imported() -> None:
    code = (
        "import sys; from openjd_vstitcher.config import Config\n"
        "from openjd_vstitcher.storage.adapters import open_storage\n"
        "open_storage(Config()); sys.exit('boto3' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
