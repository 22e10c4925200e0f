"""Converts between SQLite rows and the values of the ports."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ...documents.data import TOO_DEEP
from ...events import event_of
from ...journal import Entry
from ..storable import storable
from ..values import JOB_TIMES, Asset, Job


def job(row: sqlite3.Row) -> Job:
    """A job from its row."""
    values: dict[str, Any] = dict(row)
    del values["expiries"]
    for name in JOB_TIMES:
        values[name] = datetime.fromisoformat(values[name]) if values[name] else None
    values["details"] = json.loads(values["details"])
    values["errors"] = tuple(json.loads(values["errors"]))
    values["result"] = json.loads(values["result"]) if values["result"] else None
    values["done"] = json.loads(values["done"]) if values["done"] else None
    values["cancel_requested"] = bool(values["cancel_requested"])
    return Job(**values)


def readable_job(row: sqlite3.Row) -> Job:
    """A job from its row, for people; `unreadable` says what is wrong with data that cannot be read."""
    try:
        return job(row).readable()
    except RecursionError:
        bare: Any = {**dict(row), "details": "{}"}
        return job(bare).without_details(TOO_DEEP)


def asset(row: sqlite3.Row) -> Asset:
    """An asset from its row."""
    values: dict[str, Any] = dict(row)
    del values["created_at"], values["updated_at"]
    values["details"] = json.loads(values["details"])
    values["is_public_facing"] = bool(values["is_public_facing"])
    return Asset(**values)


def preset(row: sqlite3.Row) -> Mapping[str, Any]:
    """A preset from its row."""
    return {**dict(row), "details": json.loads(row["details"])}


def entry(row: sqlite3.Row) -> Entry:
    """A recorded event from its row."""
    time = datetime.fromisoformat(row["time"])
    return Entry(row["seq"], time, row["job_id"], row["attempt"], event_of(row["event"], json.loads(row["fields"])))


def json_text(value: Any) -> str:
    """Data as JSON for its column."""
    return json.dumps(storable(value))


def text(moment: datetime) -> str:
    """A time as text for its column; texts sort like their times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def now() -> str:
    """The current time as text for its column."""
    return text(datetime.now(UTC))
