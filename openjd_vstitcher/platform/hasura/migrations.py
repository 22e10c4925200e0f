"""Applies the migrations of the Hasura project to a PostgreSQL database, without Hasura's command-line tool."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from ...errors import PlatformError
from ...resources import resource
from ...retry import retrying, set_after

_log = logging.getLogger(__name__)

JOB_TABLE = "platform.job"

_LOCK = 0x76735F6D69677261
_CONNECT_LIMIT_S = 10
_LOCK_TIMEOUT_S = 1
_PATIENCE_S = 120.0
_KEEP = """
CREATE SCHEMA IF NOT EXISTS openjd_vs;
CREATE TABLE IF NOT EXISTS openjd_vs.migration (
  version bigint PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());
"""


@dataclass(frozen=True)
class Migration:
    """One step of the schema.

    Parameters
    ----------
    version: the time stamp at the start of its directory's name; migrations are applied in this order.
    applied_at: None if it is not applied.
    """

    version: int
    name: str
    directory: Path
    applied_at: datetime | None = None


class Database:
    """A connection to a database to migrate.

    Parameters
    ----------
    url: a PostgreSQL connection URL.
    job_table: the table of jobs, if it is not `platform.job`.

    Raises
    ------
    PlatformError: the database cannot be reached, or a migration failed (and was rolled back; those before it stay).
    """

    def __init__(self, url: str, *, job_table: str = JOB_TABLE) -> None:
        if not re.fullmatch(r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*", job_table):
            raise PlatformError(f"the table of jobs must be named as schema.table, not {job_table!r}")
        self._job_table = job_table
        with _failures("cannot reach the database"):
            self._db = psycopg.connect(url, autocommit=True, connect_timeout=_CONNECT_LIMIT_S)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def status(self) -> Sequence[Migration]:
        """All migrations, the oldest first, with the time at which each was applied."""
        with _failures("cannot read the state of the migrations"):
            kept = self._db.execute("SELECT to_regclass('openjd_vs.migration') IS NOT NULL").fetchone()
            rows = self._db.execute("SELECT version, applied_at FROM openjd_vs.migration") if kept == (True,) else ()
            applied: dict[int, datetime] = dict(rows)
        return [Migration(m.version, m.name, m.directory, applied.get(m.version)) for m in _shipped()]

    def migrate(self, *, to: int | None = None) -> Sequence[Migration]:
        """Apply missing migrations, or revert to a version. Returns what was done, in order.

        Each migration is one transaction that locks at most one table in use, and waits for that lock only as long as
        its `lock_timeout` says, so that writers go on; it is tried again until it succeeds. Indexes are built
        concurrently. What was interrupted is continued by calling this again.

        Parameters
        ----------
        to: the last version to keep or apply, 0 for none; None for all.
        """
        with self._alone():
            with _failures("cannot keep the state of the migrations"):
                self._db.execute(_KEEP)
            state = self.status()
            undone = [m for m in reversed(state) if m.applied_at and to is not None and m.version > to]
            missing = [m for m in state if not m.applied_at and (to is None or m.version <= to)]
            for migration in undone:
                self._run(migration, "down.sql", "DELETE FROM openjd_vs.migration WHERE (version, name) = (%s, %s)")
            for migration in missing:
                self._build_indexes(migration)
                self._run(migration, "up.sql", "INSERT INTO openjd_vs.migration (version, name) VALUES (%s, %s)")
            if undone and not any(m.applied_at for m in self.status()):
                with _failures("cannot remove the state of the migrations"):
                    self._db.execute("DROP SCHEMA openjd_vs CASCADE")
        return undone or missing

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other migrations out. It asks again and again: a session that waits would hold up a concurrent index."""

        def take() -> None:
            taken = self._db.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
            if taken != (True,):
                raise PlatformError("another migration of this database is running", transient=True)

        _patiently(take)
        try:
            yield
        finally:
            if not self._db.closed:
                self._db.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])

    def _build_indexes(self, migration: Migration) -> None:
        """Build the indexes of a migration outside a transaction. Those that an interrupted build left are replaced."""
        file = migration.directory / "concurrently.sql"
        if not file.is_file():
            return

        def build() -> None:
            with _failures(f"the indexes of migration {migration.name} are not all built"):
                for (statement,) in self._db.execute(self._text(file)).fetchall():
                    self._db.execute(statement.encode())

        _patiently(build)

    def _run(self, migration: Migration, file: str, note: str) -> None:
        text = self._text(migration.directory / file)

        def run() -> None:
            with _failures(f"migration {migration.name} failed and was rolled back"), self._db.transaction():
                self._db.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT_S}s'")
                self._db.execute(text)
                self._db.execute(note, [migration.version, migration.name])

        _patiently(run)

    def _text(self, file: Path) -> bytes:
        return with_job_table(file.read_text(encoding="utf-8"), self._job_table).encode()


def _shipped() -> Iterator[Migration]:
    for directory in sorted(resource("schemas/hasura/migrations/default").iterdir()):
        version, _, name = directory.name.partition("_")
        yield Migration(int(version), name, directory)


def with_job_table(sql: str, job_table: str) -> str:
    """A migration for another table of jobs: each `/*job*/` or `/*job_schema*/` marks a name to replace.

    The marks keep the files valid SQL, so that Hasura's own tool can apply them unchanged.
    """
    schema = job_table.partition(".")[0]
    return (
        sql.replace("/*job*/platform.job", job_table)
        .replace("/*job*/'platform.job'", f"'{job_table}'")
        .replace("/*job_schema*/platform", schema)
    )


def _patiently(action: Callable[[], None]) -> None:
    """Call `action` again while it fails for a passing reason, such as a lock that others hold."""
    with set_after(_PATIENCE_S) as over:
        retrying(action, stop=over, first_s=0.2, longest_s=3.0, on_wait=_say_why)


def _say_why(error: Exception, pause_s: float) -> None:
    _log.info("trying again: %s", error)


@contextmanager
def _failures(what: str) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        transient = isinstance(error, psycopg.OperationalError | psycopg.errors.UniqueViolation)
        raise PlatformError(f"{what}: {reason}", transient=transient) from error
