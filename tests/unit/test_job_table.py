"""The table of jobs fits its terminal, and says what matters first."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from openjd_vstitcher.cli._tables import JobTable, age
from openjd_vstitcher.platform.values import Job

NOW = datetime.now(UTC)
WAITS = Job(
    id="3f2a9c1e-1000-4000-8000-000000000000",
    type="DXA_EXPORT_ASSET_BUNDLE",
    preset_key="techpack_with_a_long_name_v0",
    details={},
    status="NEW",
    priority=0,
    created_at=NOW - timedelta(hours=5),
    updated_at=NOW,
)
RUNS = replace(
    WAITS,
    id="a0000000-1000-4000-8000-000000000000",
    status="IN_PROGRESS",
    progress=41.7,
    worker="render-farm-workstation-07.studio.example",
    status_details="01 turntable.zip frames: 7 of 24, and a very long explanation of what is going on in there " * 3,
)
FAILED = replace(RUNS, id="b0000000-1000-4000-8000-000000000000", status="COMPLETED_ERRORS", worker="w", attempt=3)


def lines(width: int, table: JobTable, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    file = io.StringIO()
    Console(file=file, width=width, color_system=None).print(table)
    return [line.rstrip() for line in file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [60, 80, 110, 160])
def test_every_line_fits_and_every_job_has_one(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = lines(width, JobTable([WAITS, RUNS, FAILED]), monkeypatch)
    assert len(shown) == 4
    assert all(len(line) <= width for line in shown)
    assert "3f2a9c1e" in shown[1]
    assert "NEW" in shown[1]
    assert "5h" in shown[1]
    assert "42" in shown[2]


def test_columns_come_back_with_the_width(monkeypatch: pytest.MonkeyPatch) -> None:
    table = JobTable([WAITS, RUNS, FAILED])
    heads = {width: lines(width, table, monkeypatch)[0] for width in (40, 80, 110, 200)}
    assert "preset" not in heads[40]
    assert "preset" in heads[80]
    assert "details" in heads[110]
    assert "worker" not in heads[80]
    assert "worker" in heads[200]
    assert "01 turntable.zip" in lines(110, table, monkeypatch)[2]


def test_a_running_job_that_was_asked_to_stop_is_canceling(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "CANCELING" in lines(80, JobTable([replace(RUNS, cancel_requested=True)]), monkeypatch)[1]


def test_chosen_columns_stand_in_the_order_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lines(200, JobTable([WAITS], ("status", "job")), monkeypatch)[1].split() == ["NEW", "3f2a9c1e"]


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=-5), "0s"),
        (timedelta(seconds=100), "100s"),
        (timedelta(minutes=90), "90m"),
        (timedelta(hours=20), "20h"),
        (timedelta(hours=47), "1d"),
        (timedelta(days=9), "9d"),
    ],
)
def test_ages_are_short(ago: timedelta, text: str) -> None:
    assert age(datetime.now(UTC) - ago) == text
