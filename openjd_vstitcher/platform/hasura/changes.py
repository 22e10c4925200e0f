"""What changed behind Hasura, by looking at the times of the jobs and the ids of the events."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from graphql import DocumentNode

from ...errors import InvalidInput, Problem
from ..values import Changes, Job
from . import rows
from .connection import Connection

_LOOK_S = 0.5
_MOST = 500
_OVERLAP_S = 5.0
_OVERLAP_EVENTS = 50
"""A transaction can commit after one that took a later time or id: so much is read again."""


class ChangeLog:
    """Changes of jobs and, where the tables have them, of events. It sees no deletion of a job.

    Parameters
    ----------
    requests: the operations of `serving.graphql`.
    read_jobs: reads the jobs that meet a condition, at most so many, for people.
    job_root: the GraphQL name of the table of jobs.
    """

    def __init__(
        self,
        connection: Connection,
        requests: Mapping[str, DocumentNode],
        read_jobs: Callable[[Mapping[str, Any], int], Sequence[Job]],
        *,
        job_root: str,
        has_events: bool,
    ) -> None:
        self._connection = connection
        self._requests = requests
        self._read_jobs = read_jobs
        self._job_root = job_root
        self._has_events = has_events

    def wait(self, after: str | None, timeout_s: float) -> Changes:
        """Wait until something has changed since a cursor, or the time is over; return what changed.

        Raises
        ------
        InvalidInput: the cursor is not one of this platform.
        """
        if after is None:
            return Changes(self._newest())
        moment, event_id = _parts(after)
        deadline = time.monotonic() + timeout_s
        while True:
            found, is_new = self._look(moment, event_id)
            left = deadline - time.monotonic()
            if is_new or left <= 0:
                return found
            time.sleep(min(_LOOK_S, left))

    def _newest(self) -> str:
        jobs = self._query("NewestJob")[self._job_root]
        moment = rows.moment(jobs[0]["updated_at"]) if jobs else None
        events = self._query("NewestEvent")["platform_job_event"] if self._has_events else ()
        return _cursor(moment or datetime(1970, 1, 1, tzinfo=UTC), events[0]["id"] if events else 0)

    def _look(self, moment: datetime, event_id: int) -> tuple[Changes, bool]:
        start, end = rows.text(moment - timedelta(seconds=_OVERLAP_S)), rows.text(moment)
        found = self._query(
            "ChangedJobs",
            recent={"updated_at": {"_gte": start, "_lte": end}},
            newer={"updated_at": {"_gt": end}},
            limit=_MOST,
        )
        newer, events = found["newer"], self._events(event_id)
        times = [time for row in newer if (time := rows.moment(row["updated_at"]))]
        newest_event = max((int(row["id"]) for row in events), default=event_id)
        changes = Changes(
            cursor=_cursor(max(times, default=moment), max(newest_event, event_id)),
            jobs=self._jobs([row["id"] for row in (*reversed(found["recent"]), *newer)]),
            events=[rows.entry(row) for row in events],
        )
        return changes, bool(newer) or newest_event > event_id

    def _jobs(self, ids: Sequence[str]) -> list[Job]:
        """These jobs, in this order."""
        if not ids:
            return []
        there = {job.id: job for job in self._read_jobs({"id": {"_in": list(ids)}}, len(ids))}
        return [there[job_id] for job_id in dict.fromkeys(ids) if job_id in there]

    def _events(self, event_id: int) -> list[dict[str, Any]]:
        if not self._has_events:
            return []
        after = max(0, event_id - _OVERLAP_EVENTS)
        found: list[dict[str, Any]] = self._query("NewEvents", after=after, limit=_MOST)["platform_job_event"]
        return found

    def _query(self, name: str, **variables: Any) -> dict[str, Any]:
        return self._connection.execute(self._requests[name], variables)


def _cursor(moment: datetime, event_id: int) -> str:
    return f"{rows.text(moment)}/{event_id}"


def _parts(cursor: str) -> tuple[datetime, int]:
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT[\d:.]+\+00:00)/(\d{1,18})", cursor, re.ASCII)
    with suppress(ValueError):
        if found:
            return datetime.fromisoformat(found[1]), int(found[2])
    raise InvalidInput("changes", [Problem("", f"{cursor[:40]!r} is not a cursor of this platform")])
