"""The platform in one SQLite file, for a desk or a single machine; several processes may use it at once."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from ..errors import ClaimLost, NotFound, PlatformError
from ..events import event_of
from ..journal import Entry
from .sql import script, statements
from .values import ENDED, WAITING, Asset, Beat, Claim, Job, JobStatus, NewAsset, NewJob, Outcome

_SCHEMA_VERSION = 1
_BUSY_LIMIT_S = 60.0
_LOOK_S = 0.2


class EmbeddedPlatform:
    """Queue and catalogue in a SQLite file. Safe to share between threads and between processes.

    Parameters
    ----------
    path: the database; it is made if it is not there.

    Raises
    ------
    PlatformError: the file cannot be opened, is no database, or was made by a newer release.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sql = statements("embedded.sql")
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=_BUSY_LIMIT_S, isolation_level=None, check_same_thread=False)
            self._db.row_factory = sqlite3.Row
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise PlatformError(f"cannot open the platform {path}: {error}") from error

    def describe(self) -> str:
        """What platform this is, and where."""
        return f"embedded, in {self._path}"

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()

    def claim(self, worker: str, job_types: Sequence[str], *, lease_s: float) -> Claim | None:
        """Take the next job of these types: types descending, priority descending, the longest unchanged first."""
        now = _now()
        with self._transaction():
            row = self._one(
                "claim",
                now=_text(now),
                worker=worker,
                types=json.dumps(list(job_types)),
                lease_expires_at=_text(now + timedelta(seconds=lease_s)),
            )
            if row is None:
                return None
            job = _job(row)
            return Claim(job, self.preset(job.preset_key), job.attempt, worker, job.lease_expires_at)

    def heartbeat(
        self, claim: Claim, *, lease_s: float, progress: float | None = None, status_details: str | None = None
    ) -> Beat:
        """Keep the lease, and tell how far the job is (progress in percent)."""
        now = _now()
        lease_expires_at = now + timedelta(seconds=lease_s)
        with self._transaction():
            row = self._one(
                "heartbeat",
                job_id=claim.job.id,
                attempt=claim.attempt,
                worker=claim.worker,
                now=_text(now),
                lease_expires_at=_text(lease_expires_at),
                progress=progress,
                status_details=status_details,
            )
        if row is None:
            raise _lost(claim)
        return Beat(lease_expires_at, bool(row["cancel_requested"]))

    def finish(self, claim: Claim, outcome: Outcome) -> None:
        """End the attempt, in one transaction with its last assets and with hiding the style's older ones."""
        now = _text(_now())
        with self._transaction():
            row = self._one("job", job_id=claim.job.id)
            if row is None or (row["attempt"], row["worker"]) != (claim.attempt, claim.worker):
                raise _lost(claim)
            status: JobStatus = outcome.status
            if status == "NEW" and row["cancel_requested"]:
                status = "CANCELED"
            if row["status"] == status:
                return
            if row["status"] != "IN_PROGRESS":
                raise _lost(claim)
            for asset_id, details in outcome.uploaded.items():
                self._set_uploaded(claim, asset_id, details, now)
            if outcome.hide_previous_style_assets:
                self._run("hide_previous_style_assets", job_id=claim.job.id, started_at=row["started_at"], now=now)
            self._run(
                "finish",
                job_id=claim.job.id,
                status=status,
                status_details=outcome.status_details,
                errors=json.dumps(list(outcome.errors)),
                counted=outcome.counted,
                now=now,
            )

    def requeue_expired(self, *, max_attempts: int) -> Sequence[str]:
        """Make jobs with an expired lease claimable again, or end them with errors after the last attempt."""
        with self._transaction():
            rows = self._run("requeue_expired", max_attempts=max_attempts, now=_text(_now())).fetchall()
        return [row["id"] for row in rows]

    def wait_for_jobs(self, job_types: Sequence[str], *, timeout_s: float) -> bool:
        """Wait until a job of these types may be there to claim; False when the time is over."""
        deadline = time.monotonic() + timeout_s
        types = json.dumps(list(job_types))
        while True:
            if self._rows("claimable", types=types)[0][0]:
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(_LOOK_S, left))

    def record(self, claim: Claim, entries: Sequence[Entry]) -> None:
        """Keep events of the attempt's journal with the job."""
        with self._transaction():
            self._held(claim)
            for entry in entries:
                self._run(
                    "record",
                    job_id=claim.job.id,
                    attempt=claim.attempt,
                    seq=entry.seq,
                    time=_text(entry.time),
                    event=entry.name,
                    fields=json.dumps(entry.fields),
                )

    def events(self, job_id: str) -> Sequence[Entry]:
        """What happened to a job, oldest first."""
        self.job(job_id)
        return [_entry(row) for row in self._rows("events", job_id=job_id)]

    def submit(self, job: NewJob) -> Job:
        """Add a job to the queue."""
        with self._transaction():
            self.preset(job.preset_key)
            row = self._one(
                "submit",
                id=job.id or str(uuid.uuid4()),
                status=job.status,
                type=job.type,
                preset_key=job.preset_key,
                requestor_id=job.requestor_id,
                details=json.dumps(dict(job.details)),
                priority=job.priority,
                now=_text(_now()),
            )
        return _job(cast(sqlite3.Row, row))

    def job(self, job_id: str) -> Job:
        """One job, by its id."""
        rows = self._rows("job", job_id=job_id)
        if not rows:
            raise NotFound(f"there is no job {job_id}")
        return _job(rows[0])

    def jobs(
        self,
        *,
        status: JobStatus | None = None,
        type: str | None = None,
        preset_key: str | None = None,
        worker: str | None = None,
        limit: int = 100,
    ) -> Sequence[Job]:
        """Jobs that fit every filter given, the newest first."""
        rows = self._rows("jobs", status=status, type=type, preset_key=preset_key, worker=worker, limit=limit)
        return [_job(row) for row in rows]

    def request_cancel(self, job_id: str) -> Job:
        """Cancel a waiting job at once; ask the worker of a running one to cancel it."""
        with self._transaction():
            status = self.job(job_id).status
            if status == "IN_PROGRESS":
                self._run("cancel_running", job_id=job_id, now=_text(_now()))
            elif status in (*WAITING, "ON_HOLD"):
                self._run("cancel_waiting", job_id=job_id, now=_text(_now()))
            elif status != "CANCELED":
                raise PlatformError(f"cannot cancel job {job_id}: it is {status}")
            return self.job(job_id)

    def retry(self, job_id: str) -> Job:
        """Put an ended job back into the queue, with all its automatic retries before it."""
        with self._transaction():
            self._expect(job_id, "retry", ENDED)
            self._run("retry", job_id=job_id, now=_text(_now()))
            return self.job(job_id)

    def hold(self, job_id: str) -> Job:
        """Keep a waiting job from being claimed."""
        return self._steer(job_id, "hold", WAITING, "ON_HOLD")

    def release(self, job_id: str) -> Job:
        """Let a held job be claimed."""
        return self._steer(job_id, "release", ("ON_HOLD",), "NEW")

    def preset(self, key: str) -> Mapping[str, Any]:
        """One preset row: key, name, version, description, job_type, details."""
        rows = self._rows("preset", key=key)
        if not rows:
            raise NotFound(f"there is no preset {key}")
        return _preset(rows[0])

    def presets(self) -> Sequence[Mapping[str, Any]]:
        """All preset rows, by key."""
        return [_preset(row) for row in self._rows("presets")]

    def put_preset(self, preset: Mapping[str, Any]) -> None:
        """Insert or replace a preset row."""
        with self._transaction():
            self._run(
                "put_preset",
                key=preset["key"],
                name=preset.get("name") or preset["key"],
                version=preset.get("version") or 0,
                description=preset.get("description"),
                job_type=preset.get("job_type"),
                details=json.dumps(preset["details"]),
                now=_text(_now()),
            )

    def begin_asset(self, claim: Claim, asset: NewAsset) -> str:
        """Insert an asset as `IN_PROGRESS` and return its id; the existing id if the job has one of this name."""
        with self._transaction():
            self._held(claim)
            self._run(
                "begin_asset",
                id=str(uuid.uuid4()),
                job_id=claim.job.id,
                name=asset.name,
                type=asset.type,
                path=asset.path,
                is_public_facing=asset.is_public_facing,
                style_id=asset.style_id,
                body_id=asset.body_id,
                details=json.dumps({**asset.details, "attempt": claim.attempt}),
                now=_text(_now()),
            )
            row = self._one("asset_of_name", job_id=claim.job.id, name=asset.name)
        return str(cast(sqlite3.Row, row)["id"])

    def asset_uploaded(self, claim: Claim, asset_id: str, details: Mapping[str, Any]) -> None:
        """Say that the object is whole in storage; the details are merged into the asset's."""
        with self._transaction():
            self._held(claim)
            self._set_uploaded(claim, asset_id, details, _text(_now()))

    def assets(self, job_id: str) -> Sequence[Asset]:
        """The assets of a job, by name."""
        return [_asset(row) for row in self._rows("assets", job_id=job_id)]

    def _prepare(self) -> None:
        self._use_wal()
        self._db.execute("PRAGMA foreign_keys = ON")
        with self._transaction():
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > _SCHEMA_VERSION:
                raise sqlite3.DatabaseError(
                    f"its schema is version {version}; this release knows up to {_SCHEMA_VERSION}"
                )
            if version == 0:
                for statement in _split(script("embedded_schema.sql")):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")

    def _use_wal(self) -> None:
        # SQLite does not wait for others while it changes the journal mode, whatever the busy timeout.
        deadline = time.monotonic() + _BUSY_LIMIT_S
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_LOOK_S)
            else:
                return

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
            except sqlite3.IntegrityError as error:
                raise PlatformError(f"the platform refused it: {error}") from error
            except sqlite3.OperationalError as error:
                raise PlatformError(f"the platform could not do it: {error}", transient=True) from error

    def _run(self, name: str, /, **values: Any) -> sqlite3.Cursor:
        return self._db.execute(self._sql[name], values)

    def _one(self, name: str, /, **values: Any) -> sqlite3.Row | None:
        rows: list[sqlite3.Row] = self._run(name, **values).fetchall()
        return rows[0] if rows else None

    def _rows(self, name: str, /, **values: Any) -> list[sqlite3.Row]:
        with self._lock:
            try:
                return self._run(name, **values).fetchall()
            except sqlite3.Error as error:
                raise PlatformError(f"the platform could not be read: {error}", transient=True) from error

    def _held(self, claim: Claim) -> None:
        row = self._one("job", job_id=claim.job.id)
        holds = ("IN_PROGRESS", claim.attempt, claim.worker)
        if row is None or (row["status"], row["attempt"], row["worker"]) != holds:
            raise _lost(claim)

    def _set_uploaded(self, claim: Claim, asset_id: str, details: Mapping[str, Any], now: str) -> None:
        row = self._one("asset", asset_id=asset_id, job_id=claim.job.id)
        if row is None:
            raise NotFound(f"job {claim.job.id} has no asset {asset_id}")
        before = json.loads(row["details"])
        merged = {**before, **details}
        if row["status"] != "UPLOADED" or merged != before:
            self._run("asset_uploaded", asset_id=asset_id, details=json.dumps(merged), now=now)

    def _steer(self, job_id: str, what: str, before: Sequence[str], after: str) -> Job:
        with self._transaction():
            self._expect(job_id, what, before)
            self._run("set_status", job_id=job_id, status=after, now=_text(_now()))
            return self.job(job_id)

    def _expect(self, job_id: str, what: str, statuses: Sequence[str]) -> None:
        status = self.job(job_id).status
        if status not in statuses:
            raise PlatformError(f"cannot {what} job {job_id}: it is {status}, expected {' or '.join(statuses)}")


def _lost(claim: Claim) -> ClaimLost:
    return ClaimLost.of(claim.worker, claim.attempt, claim.job.id)


def _now() -> datetime:
    return datetime.now(UTC)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _job(row: sqlite3.Row) -> Job:
    values: dict[str, Any] = dict(row)
    for name in ("created_at", "updated_at", "started_at", "ended_at", "lease_expires_at"):
        values[name] = _time(values[name])
    values["details"] = json.loads(values["details"])
    values["errors"] = tuple(json.loads(values["errors"]))
    values["cancel_requested"] = bool(values["cancel_requested"])
    return Job(**values)


def _asset(row: sqlite3.Row) -> Asset:
    values: dict[str, Any] = dict(row)
    del values["created_at"], values["updated_at"]
    values["details"] = json.loads(values["details"])
    values["is_public_facing"] = bool(values["is_public_facing"])
    return Asset(**values)


def _preset(row: sqlite3.Row) -> Mapping[str, Any]:
    return {**dict(row), "details": json.loads(row["details"])}


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(
        seq=row["seq"],
        time=datetime.fromisoformat(row["time"]),
        job_id=row["job_id"],
        attempt=row["attempt"],
        event=event_of(row["event"], json.loads(row["fields"])),
    )


def _split(text: str) -> Iterator[str]:
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
