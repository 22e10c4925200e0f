"""What changed in the embedded platform's database."""

from __future__ import annotations

import json
import time

from ...errors import InvalidInput, Problem
from ..values import Changes
from . import rows
from .database import Database

_LOOK_S = 0.1
_MOST = 500


def wait_for_changes(db: Database, after: str | None, timeout_s: float) -> Changes:
    """Wait until something has changed since a cursor, or the time is over; return what changed.

    Raises
    ------
    InvalidInput: the cursor is not one of this file.
    PlatformError: the file cannot be read.
    """
    newest = int(db.peek("newest_change")[0]["seq"])
    if after is None:
        return Changes(str(newest))
    if not (after.isascii() and after.isdigit() and int(after) <= newest):
        raise InvalidInput("changes", [Problem("", f"{after[:40]!r} is not a cursor of this platform")])
    deadline, seen = time.monotonic() + timeout_s, -1
    while True:
        version = db.version()
        if version != seen:
            changes, seen = _changes(db, int(after)), version
            if changes.cursor != after:
                return changes
        left = deadline - time.monotonic()
        if left <= 0:
            return Changes(after)
        time.sleep(min(_LOOK_S, left))


def _changes(db: Database, after: int) -> Changes:
    found = db.peek("changes", after=after, limit=_MOST)
    jobs = [row["job_id"] for row in found if row["event_id"] is None]
    events = [row["event_id"] for row in found if row["event_id"] is not None]
    there = {row["id"]: row for row in db.peek("jobs_of", ids=json.dumps(jobs))}
    return Changes(
        cursor=str(found[-1]["seq"] if found else after),
        jobs=[rows.job(there[job_id]) for job_id in jobs if job_id in there],
        deleted=[job_id for job_id in jobs if job_id not in there],
        events=[rows.entry(row) for row in db.peek("events_of", ids=json.dumps(events))],
    )
