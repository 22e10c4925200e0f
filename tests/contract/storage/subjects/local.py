"""The local directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from openjd_vstitcher.config import Config, InputsConfig, LocalStorageConfig, StorageConfig
from openjd_vstitcher.storage.adapters import open_storage
from tests.contract.storage.subject import READ_FROM, WRITE_TO, Subject


def subject(request: pytest.FixtureRequest, directory: Path) -> Subject:
    def leftovers() -> list[str]:
        return [path.name for path in (directory / "style-assets").rglob(".*")]

    storage = StorageConfig(write_to=WRITE_TO, local=LocalStorageConfig(directory))
    config = Config(storage=storage, inputs=InputsConfig(read_from=READ_FROM))
    return Subject(open_storage(config), "s3://style-assets/contract/", leftovers)
