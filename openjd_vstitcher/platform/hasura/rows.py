"""Converts between Hasura's rows and the values of the ports."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ...errors import NotFound
from ...events import event_of
from ...journal import Entry
from ..values import JOB_TIMES, Asset, Job

_PLAIN = ("status_details", "requestor_id", "worker")


def job(row: Mapping[str, Any]) -> Job:
    """A job from its row; missing columns get their defaults.

    `progress` is text where Hasura runs with `HASURA_GRAPHQL_STRINGIFY_NUMERIC_TYPES`.
    """
    progress = row.get("progress")
    values: dict[str, Any] = {name: row.get(name) for name in _PLAIN}
    values.update((name, moment(row.get(name))) for name in JOB_TIMES)
    return Job(
        id=row["id"],
        type=row["type"],
        preset_key=row["preset_key"],
        details=row.get("details") or {},
        status=row["status"],
        priority=row["priority"] or 0,
        auto_retries=row["auto_retries"] or 0,
        attempt=row.get("attempt", (row["auto_retries"] or 0) + 1),
        cancel_requested=row.get("cancel_requested", False),
        progress=None if progress is None else float(progress),
        errors=tuple(row.get("errors") or ()),
        returns=row.get("returns", 0),
        crashes=row.get("crashes", 0),
        result=row.get("result"),
        done=row.get("done"),
        **values,
    )


def asset(row: Mapping[str, Any]) -> Asset:
    """An asset from its row."""
    return Asset(
        id=row["id"],
        job_id=row["job_id"],
        name=row["name"] or "",
        type=row["type"],
        status=row["status"],
        path=row["path"] or "",
        is_public_facing=bool(row["is_public_facing"]),
        style_id=row["style_id"],
        body_id=row["body_id"],
        details=row["details"] or {},
    )


def preset(row: Mapping[str, Any] | None) -> dict[str, Any]:
    """A preset from its row.

    Raises
    ------
    NotFound: the job has none.
    """
    if row is None:
        raise NotFound("it names no preset: preset_key is null, or there is no such preset")
    return {"job_type": None, **row, "version": row["version"] or 0}


def entry(row: Mapping[str, Any]) -> Entry:
    """An event of a job from its row."""
    time = datetime.fromisoformat(row["time"])
    event = event_of(row["event"], dict(row["fields"]))
    return Entry(row["seq"], time.astimezone(UTC), row["job_id"], row["attempt"], event)


def entry_row(of: Entry) -> dict[str, Any]:
    """An event of a job as the platform takes it."""
    return {"seq": of.seq, "time": text(of.time), "event": of.name, "fields": of.fields}


def moment(value: str | None) -> datetime | None:
    """A time in UTC from a column of type timestamptz, or timestamp, which has no zone and is taken as UTC."""
    if not value:
        return None
    time = datetime.fromisoformat(value)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def text(value: datetime) -> str:
    """A time for a column of type timestamptz or timestamp, to the microsecond."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")
