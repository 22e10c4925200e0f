"""What `openjd-vs render` prepares on a user's own machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from openjd_vstitcher.attempt.directory import AttemptDirectory
from openjd_vstitcher.attempt.local import Request, prepare
from openjd_vstitcher.config import Config
from openjd_vstitcher.errors import InvalidInput
from openjd_vstitcher.resources import resource
from openjd_vstitcher.storage.inputs.manifest import InputEntry, read_manifest

_TEMPLATE = resource("templates/dxf_v0.yaml")


def _inputs(directory: Path, garment: str) -> list[InputEntry]:
    attempt = AttemptDirectory(directory)
    prepare(Request(_TEMPLATE, {"GarmentFile": garment}), output=directory / "out", directory=attempt, config=Config())
    return list(read_manifest(attempt.inputs).inputs)


def test_url_of_the_user_needs_no_configuration(tmp_path: Path) -> None:
    (entry,) = _inputs(tmp_path, "https://cdn.example.com/tee.bw?sig=1")
    assert (entry.url, entry.name, entry.redirect_to) == ("https://cdn.example.com/tee.bw?sig=1", "tee.bw", None)
    assert entry.signed_for == ""


@pytest.mark.parametrize("url", ["https://127.0.0.1/tee.bw", "http://cdn.example.com/tee.bw", "https://a..b/tee.bw"])
def test_url_that_cannot_be_fetched_is_refused_before_anything_starts(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidInput, match="/input_file_uri"):
        _inputs(tmp_path, url)
