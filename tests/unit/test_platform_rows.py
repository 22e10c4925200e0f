"""Hasura's rows as values, in the forms that deployments give them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from openjd_vstitcher.platform.hasura import rows
from openjd_vstitcher.platform.hasura.schema import is_too_old


@pytest.fixture
def far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    if hasattr(time, "tzset"):
        time.tzset()
    yield
    monkeypatch.undo()
    if hasattr(time, "tzset"):
        time.tzset()


@pytest.mark.usefixtures("far_from_utc")
@pytest.mark.parametrize(
    "given", ["2024-03-01T10:00:00.5", "2024-03-01T10:00:00.5+00:00", "2024-03-01T19:00:00.5+09:00"]
)
def test_a_time_without_a_zone_is_in_utc(given: str) -> None:
    assert rows.moment(given) == datetime(2024, 3, 1, 10, 0, 0, 500000, UTC)


@pytest.mark.parametrize(("given", "progress"), [(12.5, 12.5), ("12.5", 12.5), ("1e1", 10.0), (None, None)])
def test_a_number_may_be_text(given: object, progress: float | None) -> None:
    row = {"id": "1", "type": "TEST", "preset_key": "k", "details": {}, "status": "NEW", "priority": 1}
    assert rows.job({**row, "auto_retries": 0, "progress": given}).progress == progress


@pytest.mark.parametrize(
    ("version", "too_old"),
    [
        ("v2.9.0", True),
        ("v1.3.3", True),
        ("v2.10.0", False),
        ("v2.48.1-ce", False),
        ("3.0.0", False),
        ("dev-main", False),
        ("", False),
    ],
)
def test_versions_of_hasura_are_compared_by_number(version: str, too_old: bool) -> None:
    assert is_too_old(version) is too_old
