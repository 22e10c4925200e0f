"""A newcomer's adapter: what has to be written to bring one under the contract is this file and the adapter's."""

from __future__ import annotations

from pathlib import Path

import pytest

from openjd_vstitcher.config import Config, InputsConfig, LocalStorageConfig, StorageConfig
from openjd_vstitcher.storage.adapters import ADAPTERS, open_storage
from tests.contract.storage.subject import READ_FROM, WRITE_TO, Subject

LINE = {"sqlite": "tests.contract.storage.exercise.sqlite_storage:SqliteStorage"}
"""The one line that it takes in `storage/adapters.py`."""


def subject(request: pytest.FixtureRequest, directory: Path) -> Subject:
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    for kind, place in LINE.items():
        monkeypatch.setitem(ADAPTERS, kind, place)
    storage = StorageConfig(kind="sqlite", write_to=WRITE_TO, local=LocalStorageConfig(directory))
    config = Config(storage=storage, inputs=InputsConfig(read_from=READ_FROM))
    return Subject(open_storage(config), "s3://style-assets/contract/", lambda: [])
