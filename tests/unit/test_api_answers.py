"""Answers of the HTTP API as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from openjd_vstitcher.api.answers import cursor_of, encoded, place_of
from openjd_vstitcher.platform.values import Job

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
JOB = Job("3b2f0f5e-0000-4000-8000-000000000000", "TEST", "p", {}, "NEW", 0, NOW, NOW)


def test_what_is_nested_too_deeply_is_left_out_of_an_answer() -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    shown = json.loads(encoded({"tasks": [{"id": "a", "details": {"deep": deep}}, {"id": "b"}]}))
    assert [task["id"] for task in shown["tasks"]] == ["a", "b"]
    assert "nested too deeply" in json.dumps(shown)


def test_a_cursor_stands_for_the_place_of_its_job() -> None:
    assert place_of(cursor_of(JOB)) == (NOW, JOB.id)
    assert cursor_of(replace(JOB, id="other")) != cursor_of(JOB)


@pytest.mark.parametrize("cursor", ["", "x", "W10", "bnVsbA", "WzEsMl0", "é", "=" * 50, "WyIyMDI2LTAxLTAxIiwieCJd"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(HTTPException) as refused:
        place_of(cursor)
    assert refused.value.status_code == 422
