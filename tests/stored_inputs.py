"""A storage with a body, artworks and bundles, and what the details of a job come to on it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.config import Config, InputsConfig, LocalStorageConfig, StorageConfig
from openjd_vstitcher.errors import InvalidInput
from openjd_vstitcher.storage.adapters import open_storage
from openjd_vstitcher.storage.inputs.manifest import InputEntry
from openjd_vstitcher.storage.inputs.resolve import resolve_inputs

BODY = "body-files/bodies/3d_body_files/tk_6129"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = [
        f"{BODY}/TK-6129-V10 new one.bw",
        f"{BODY}/TK-6129-V10-old.bw",
        f"{BODY}/newest.txt",
        "artworks/stripes.png",
    ]
    files += ["artworks/bundles/style-0043/a.png", "artworks/bundles/style-0043/sub/b.png"]
    files += ["artworks/labels/label.png", "artworks/prints/label.png"]
    for number, name in enumerate(files):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
        os.utime(path, (1000 - number, 1000 - number))
    return tmp_path


def resolve(root: Path, details: dict[str, Any], *, own_urls: bool = False, **inputs: Any) -> list[InputEntry]:
    config = Config(storage=StorageConfig(local=LocalStorageConfig(root)), inputs=InputsConfig(**inputs))
    return resolve_inputs(details, open_storage(config), config.inputs, own_urls=own_urls)


def refusal(root: Path, details: dict[str, Any], **inputs: Any) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        resolve(root, details, **inputs)
    return [str(problem) for problem in caught.value.problems]
