"""The platforms of the contract as fixtures: each test starts with one that is empty but for a preset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from openjd_vstitcher.config import PlatformConfig
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.ports import Platform

from .platforms import Deployment, HttpDeployment, Subject


@pytest.fixture(params=["embedded", "extended", "legacy", "http"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    yield from _subject(request, tmp_path)


@pytest.fixture(params=["embedded", "extended", "http"])
def leased(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    """Only the platforms that keep leases."""
    yield from _subject(request, tmp_path)


def _subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    kind: str = request.param
    if kind == "embedded":
        config = PlatformConfig(path=tmp_path / "platform.sqlite")
    elif kind == "http":
        server: HttpDeployment = request.getfixturevalue("http_deployment")
        server.clear()
        config = server.config
    else:
        deployment: Deployment = request.getfixturevalue(f"{kind}_deployment")
        deployment.clear()
        config = deployment.config
    opened: list[Platform] = []

    def open_once_more() -> Platform:
        opened.append(open_platform(config))
        return opened[-1]

    platform = open_once_more()
    platform.put_preset({"key": "preset_v0", "name": "preset", "version": 0, "details": {"instructions": []}})
    try:
        yield Subject(kind, platform, open_once_more)
    finally:
        for each in opened:
            each.close()
