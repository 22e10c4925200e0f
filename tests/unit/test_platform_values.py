"""Outcomes from JSON data of any release, and the one list of job statuses."""

from __future__ import annotations

import dataclasses
import json
import re
import sqlite3
from typing import Any

import pytest

from openjd_vstitcher.errors import InvalidInput
from openjd_vstitcher.platform.embedded.sql import script
from openjd_vstitcher.platform.values import JOB_STATUSES, JOB_TIMES, Job, Outcome
from openjd_vstitcher.resources import resource

MIGRATIONS = sorted(resource("schemas/hasura/migrations/default").rglob("*.sql"))


def as_json(outcome: Outcome) -> Any:
    return json.loads(json.dumps(dataclasses.asdict(outcome)))


def test_an_outcome_is_read_back_as_it_was_written() -> None:
    errors = [{"stage": "export", "message": "no licence"}]
    outcome = Outcome("NEW", "gateway error", errors=errors, hide_previous_style_assets=True, counted=False)
    assert Outcome.of(as_json(outcome)) == outcome
    assert Outcome.of({"status": "CANCELED"}) == Outcome("CANCELED")


def test_fields_of_another_release_are_ignored() -> None:
    assert Outcome.of({**as_json(Outcome("COMPLETED_SUCCESS")), "uploaded": {}, "cost": {"credits": 3}}) == Outcome(
        "COMPLETED_SUCCESS", errors=[]
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "outcome: /: found NoneType; expected an object"),
        ([], "outcome: /: found list; expected an object"),
        ({}, "outcome: /status: found None; expected one of COMPLETED_SUCCESS, COMPLETED_ERRORS, CANCELED, NEW"),
        ({"status": "IN_PROGRESS"}, "/status: found 'IN_PROGRESS'; expected one of"),
        ({"status": ["NEW"]}, "/status: found ['NEW']; expected one of"),
        ({"status": "NEW", "status_details": 3}, "/status_details: found 3; expected a string or null"),
        ({"status": "NEW", "errors": "none"}, "/errors: found 'none'; expected a list of objects"),
        ({"status": "NEW", "errors": ["none"]}, "/errors: found ['none']; expected a list of objects"),
        ({"status": "NEW", "counted": None}, "/counted: found None; expected true or false"),
        ({"status": "NEW", "hide_previous_style_assets": 1}, "/hide_previous_style_assets: found 1; expected true or"),
    ],
)
def test_an_unusable_outcome_is_refused_with_its_fields(data: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(message)):
        Outcome.of(data)


def test_every_unusable_field_is_named() -> None:
    with pytest.raises(InvalidInput) as refused:
        Outcome.of({"status": "DONE", "errors": {}, "counted": "yes"})
    assert [problem.pointer for problem in refused.value.problems] == ["/status", "/errors", "/counted"]


def test_every_platform_has_the_same_statuses() -> None:
    database = sqlite3.connect(":memory:")
    database.executescript(script("schema.sql"))
    assert {value for (value,) in database.execute("SELECT value FROM job_status")} == set(JOB_STATUSES)
    migrations = "".join(file.read_text(encoding="utf-8") for file in MIGRATIONS if file.name == "up.sql")
    assert set(JOB_STATUSES) <= set(re.findall(r"\('([A-Z_]+)'", migrations))


def test_the_times_of_a_job_are_its_fields_that_hold_a_time() -> None:
    assert {field.name for field in dataclasses.fields(Job) if "datetime" in str(field.type)} == set(JOB_TIMES)
