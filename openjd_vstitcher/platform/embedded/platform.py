"""The platform in one SQLite file, for a desk or a single machine; several processes may use it at once."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ...errors import NotFound, PlatformError
from ...journal import Entry
from ..values import (
    ENDED,
    MOST_CRASHES,
    WAITING,
    Asset,
    Beat,
    Changes,
    Claim,
    ClaimState,
    Job,
    JobPlace,
    JobStatus,
    NewAsset,
    NewJob,
    Outcome,
    lost,
    on_hold,
    pause_s,
    unusable,
)
from . import rows
from .catalogue import Catalogue
from .changes import wait_for_changes
from .database import Database
from .fencing import check_held

_LOOK_S = 0.2


class EmbeddedPlatform:
    """Queue and catalogue in a SQLite file. Safe to share between threads and between processes.

    Parameters
    ----------
    path: the database, readable by its owner only; created if it is missing.

    Raises
    ------
    PlatformError: the file cannot be opened, is not a database, or was made by a newer release.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = Database(path)
        self._catalogue = Catalogue(self._db)

    def describe(self) -> str:
        """The kind of the platform, and its file."""
        return f"embedded, in {self._path}"

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def claim(
        self, worker: str, job_types: Sequence[str], *, lease_s: float, job_id: str | None = None
    ) -> Claim | None:
        """Take the next job of these types, or this one."""
        now = datetime.now(UTC)
        with self._db.transaction():
            while True:
                row = self._db.one(
                    "claim",
                    now=rows.text(now),
                    worker=worker,
                    types=json.dumps(list(job_types)),
                    job_id=job_id,
                    lease_expires_at=rows.text(now + timedelta(seconds=lease_s)),
                )
                if row is None:
                    return None
                try:
                    job = rows.job(row)
                    return Claim(job, self.preset(job.preset_key), job.attempt, worker, job.lease_expires_at)
                except Exception as error:  # noqa: BLE001  # whatever its row holds, this job ends and the next one is taken
                    self._end(row, unusable(row["id"], error))

    def heartbeat(
        self, claim: Claim, *, lease_s: float, progress: float | None = None, status_details: str | None = None
    ) -> Beat:
        """Renew the lease and report the progress (in percent)."""
        now = datetime.now(UTC)
        lease_expires_at = now + timedelta(seconds=lease_s)
        with self._db.transaction():
            row = self._db.one(
                "heartbeat",
                job_id=claim.job.id,
                attempt=claim.attempt,
                worker=claim.worker,
                now=rows.text(now),
                lease_expires_at=rows.text(lease_expires_at),
                progress=progress,
                status_details=status_details,
            )
        if row is None:
            raise lost(claim)
        return Beat(lease_expires_at, bool(row["cancel_requested"]))

    def claim_state(self, claim: Claim, *, timeout_s: float) -> ClaimState:
        """Wait until the claim is canceled or lost, or the time is over; return its state then."""
        deadline = time.monotonic() + timeout_s
        while True:
            state: ClaimState = "held"
            with suppress(PlatformError):
                held = self._db.peek("held", job_id=claim.job.id, attempt=claim.attempt, worker=claim.worker)
                if not held:
                    return "lost"
                state = "cancel_requested" if held[0]["cancel_requested"] else "held"
            left = deadline - time.monotonic()
            if state != "held" or left <= 0:
                return state
            time.sleep(min(_LOOK_S, left))

    def finish(self, claim: Claim, outcome: Outcome) -> None:
        """End the attempt and hide the older assets of its styles, in one transaction."""
        now = rows.now()
        if not outcome.crashed:
            self._uncount_expiry(claim, outcome)
        with self._db.transaction():
            row = self._db.one("job", job_id=claim.job.id)
            if row is None or (row["attempt"], row["worker"]) != (claim.attempt, claim.worker):
                raise lost(claim)
            if row["status"] == _status_after(row, outcome) or (
                outcome.crashed and row["status"] in ("NEW", "ON_HOLD")
            ):
                return
            if row["status"] != "IN_PROGRESS":
                raise lost(claim)
            if outcome.hide_previous_style_assets:
                self._db.run("hide_previous_style_assets", job_id=claim.job.id, started_at=row["started_at"], now=now)
            self._end(row, outcome)

    def requeue_expired(self) -> Sequence[str]:
        """Make jobs with an expired lease claimable again; one that has crashed too often is put on hold."""
        now = rows.now()
        with self._db.transaction():
            expired = self._db.run("expired", now=now)
            for row in expired:
                status = _status_after(row, Outcome("NEW", crashed=True))
                reason = f"the lease of worker {row['worker']} ran out in attempt {row['attempt']}"
                crashes = row["crashes"] + 1
                self._db.run(
                    "requeue",
                    job_id=row["id"],
                    status=status,
                    status_details=on_hold(reason, crashes, row["id"]) if status == "ON_HOLD" else reason,
                    reason=reason,
                    crashes=crashes,
                    now=now,
                )
        return [row["id"] for row in expired]

    def wait_for_jobs(self, job_types: Sequence[str], *, timeout_s: float) -> bool:
        """Wait until a job of these types may be waiting; False if the time is over first."""
        deadline = time.monotonic() + timeout_s
        types = json.dumps(list(job_types))
        while True:
            if self._db.peek("claimable", types=types, now=rows.now())[0][0]:
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(_LOOK_S, left))

    def record(self, claim: Claim, entries: Sequence[Entry]) -> None:
        """Store events of the attempt's journal with the job."""
        with self._db.transaction():
            check_held(self._db, claim)
            for entry in entries:
                self._db.run(
                    "record",
                    job_id=claim.job.id,
                    attempt=claim.attempt,
                    seq=entry.seq,
                    time=rows.text(entry.time),
                    event=entry.name,
                    fields=rows.json_text(entry.fields),
                )

    def events(self, job_id: str) -> Sequence[Entry]:
        """The history of a job, oldest first."""
        self.job(job_id)
        return [rows.entry(row) for row in self._db.rows("events", job_id=job_id)]

    def submit(self, job: NewJob) -> Job:
        """Add a job to the queue."""
        with self._db.transaction():
            self.preset(job.preset_key)
            types = [row["value"] for row in self._db.run("job_types")]
            if job.type not in types:
                raise PlatformError(f"unknown job type {job.type!r}; expected one of {', '.join(types)}")
            (row,) = self._db.run(
                "submit",
                id=job.id or str(uuid.uuid4()),
                status=job.status,
                type=job.type,
                preset_key=job.preset_key,
                requestor_id=job.requestor_id,
                details=json.dumps(dict(job.details)),
                priority=job.priority,
                now=rows.now(),
            )
        return rows.readable_job(row)

    def job(self, job_id: str) -> Job:
        """One job, by its id."""
        found = self._db.rows("job", job_id=job_id)
        if not found:
            raise NotFound(f"there is no job {job_id}")
        return rows.readable_job(found[0])

    def jobs(
        self,
        *,
        status: JobStatus | None = None,
        type: str | None = None,
        preset_key: str | None = None,
        worker: str | None = None,
        id_range: tuple[str, str] | None = None,
        search: str | None = None,
        after: JobPlace | None = None,
        limit: int = 100,
    ) -> Sequence[Job]:
        """Jobs that match every given filter, the newest first."""
        low, high = id_range or (None, None)
        found = self._db.rows(
            "jobs",
            status=status,
            type=type,
            preset_key=preset_key,
            worker=worker,
            low=low,
            high=high,
            search=search,
            after_time=after and rows.text(after[0]),
            after_id=after and after[1],
            limit=limit,
        )
        return [rows.readable_job(row) for row in found]

    def changes(self, after: str | None, *, timeout_s: float) -> Changes:
        """Wait until something has changed since a cursor, or the time is over; return what changed."""
        return wait_for_changes(self._db, after, timeout_s)

    def request_cancel(self, job_id: str) -> Job:
        """Cancel a waiting job immediately, or ask the worker of a running one to cancel it."""
        with self._db.transaction():
            status = self.job(job_id).status
            if status == "IN_PROGRESS":
                self._db.run("cancel_running", job_id=job_id, now=rows.now())
            elif status in (*WAITING, "ON_HOLD"):
                self._db.run("cancel_waiting", job_id=job_id, now=rows.now())
            elif status != "CANCELED":
                raise PlatformError(f"cannot cancel job {job_id}: it is {status}")
            return self.job(job_id)

    def retry(self, job_id: str, *, done: Mapping[str, Any] | None = None) -> Job:
        """Put an ended job back into the queue and reset its retries, returns and crashes."""
        return self._steer(job_id, "retry", ENDED, done=rows.json_text(done) if done else None)

    def hold(self, job_id: str) -> Job:
        """Put a waiting job on hold, so that it is not claimed."""
        return self._steer(job_id, "hold", WAITING)

    def release(self, job_id: str) -> Job:
        """Put a job on hold back into the queue and reset its returns and crashes."""
        return self._steer(job_id, "release", ("ON_HOLD",))

    def set_priority(self, job_id: str, priority: int) -> Job:
        """Change the priority of a job."""
        with self._db.transaction():
            self.job(job_id)
            self._db.run("set_priority", job_id=job_id, priority=priority, now=rows.now())
            return self.job(job_id)

    def delete(self, job_id: str) -> None:
        """Remove a job that is not running, with its events and the rows of its assets."""
        with self._db.transaction():
            if self.job(job_id).status == "IN_PROGRESS":
                raise PlatformError(f"cannot delete job {job_id}: it is IN_PROGRESS; cancel it first")
            for what in ("delete_events", "delete_assets", "delete_job"):
                self._db.run(what, job_id=job_id)

    def preset(self, key: str) -> Mapping[str, Any]:
        """One preset row: key, name, version, description, job_type, details."""
        found = self._db.rows("preset", key=key)
        if not found:
            raise NotFound(f"there is no preset {key}")
        return rows.preset(found[0])

    def presets(self) -> Sequence[Mapping[str, Any]]:
        """All preset rows, by key."""
        return [rows.preset(row) for row in self._db.rows("presets")]

    def put_preset(self, preset: Mapping[str, Any]) -> None:
        """Insert or replace a preset row."""
        with self._db.transaction():
            self._db.run(
                "put_preset",
                key=preset["key"],
                name=preset.get("name") or preset["key"],
                version=preset.get("version") or 0,
                description=preset.get("description"),
                job_type=preset.get("job_type"),
                details=json.dumps(preset["details"]),
                now=rows.now(),
            )

    def delete_preset(self, key: str) -> None:
        """Remove a preset row."""
        with self._db.transaction():
            self.preset(key)
            self._db.run("delete_preset", key=key)

    def begin_asset(self, claim: Claim, asset: NewAsset) -> str:
        """Register an asset as `IN_PROGRESS` and return its id; an asset of the same name and job keeps its id."""
        return self._catalogue.begin_asset(claim, asset)

    def asset_uploaded(self, claim: Claim, asset_id: str, details: Mapping[str, Any]) -> None:
        """Mark an asset as `UPLOADED` and merge the details into its own."""
        self._catalogue.asset_uploaded(claim, asset_id, details)

    def assets(self, job_id: str) -> Sequence[Asset]:
        """The assets of a job, by name."""
        return self._catalogue.assets(job_id)

    def asset_types(self) -> Collection[str] | None:
        """The types that an asset may have."""
        return self._catalogue.asset_types()

    def _end(self, row: sqlite3.Row, outcome: Outcome) -> None:
        """Write an outcome into the row of a held job, inside a transaction."""
        now, status = datetime.now(UTC), _status_after(row, outcome)
        crashes = row["crashes"] + outcome.crashed
        pauses = status == "NEW" and (outcome.pause or outcome.crashed)
        details = outcome.status_details
        self._db.run(
            "finish",
            job_id=row["id"],
            status=status,
            status_details=on_hold(details, crashes, row["id"]) if status == "ON_HOLD" else details,
            errors=rows.json_text(list(outcome.errors)),
            result=None if outcome.result is None else rows.json_text(dict(outcome.result)),
            counted=outcome.counted,
            not_before=rows.text(now + timedelta(seconds=pause_s(row["returns"]))) if pauses else None,
            returns=row["returns"] + pauses,
            crashes=crashes,
            now=rows.text(now),
        )

    def _uncount_expiry(self, claim: Claim, outcome: Outcome) -> None:
        """Count the expiry of the claim's lease no longer as a crash: its attempt reports an outcome after all."""
        with self._db.transaction():
            self._db.run(
                "uncount_expiry",
                job_id=claim.job.id,
                attempt=claim.attempt,
                worker=claim.worker,
                status_details=outcome.status_details,
                max_crashes=MOST_CRASHES,
                now=rows.now(),
            )

    def _steer(self, job_id: str, what: str, before: Sequence[str], **values: str | None) -> Job:
        with self._db.transaction():
            status = self.job(job_id).status
            if status not in before:
                raise PlatformError(f"cannot {what} job {job_id}: it is {status}, expected {' or '.join(before)}")
            self._db.run(what, job_id=job_id, now=rows.now(), **values)
            return self.job(job_id)


def _status_after(row: sqlite3.Row, outcome: Outcome) -> JobStatus:
    """The status of a held job after an outcome."""
    if outcome.status != "NEW":
        return outcome.status
    if row["cancel_requested"]:
        return "CANCELED"
    return "ON_HOLD" if outcome.crashed and row["crashes"] + 1 >= MOST_CRASHES else "NEW"
