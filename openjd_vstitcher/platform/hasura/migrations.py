"""Applies the migrations of the Hasura project to a PostgreSQL database, without Hasura's command-line tool."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from ...errors import PlatformError
from ...resources import resource

JOB_TABLE = "platform.job"

_LOCK = 0x76735F6D69677261
_CONNECT_LIMIT_S = 10
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
    PlatformError: the database cannot be reached, or a migration failed (and was rolled back).
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
        """Apply missing migrations, or revert to a version, in one transaction. Returns what was done, in order.

        Parameters
        ----------
        to: the last version to keep or apply, 0 for none; None for all.
        """
        with _failures("the migration failed, nothing has changed"), self._db.transaction():
            self._db.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            self._db.execute(_KEEP)
            state = self.status()
            if not any(m.applied_at for m in state) and self._extended_otherwise():
                raise PlatformError(
                    "another tool, such as Hasura's own, has applied the migrations; continue with that tool"
                )
            undone = [m for m in reversed(state) if m.applied_at and to is not None and m.version > to]
            missing = [m for m in state if not m.applied_at and (to is None or m.version <= to)]
            for migration in undone:
                self._run(migration, "down.sql", "DELETE FROM openjd_vs.migration WHERE (version, name) = (%s, %s)")
            for migration in missing:
                self._run(migration, "up.sql", "INSERT INTO openjd_vs.migration (version, name) VALUES (%s, %s)")
            if undone and not any(m.applied_at for m in self.status()):
                self._db.execute("DROP SCHEMA openjd_vs CASCADE")
        return undone or missing

    def _extended_otherwise(self) -> bool:
        found = self._db.execute("SELECT count(*) FROM pg_proc WHERE oid = to_regproc('platform.claim_job')")
        return found.fetchone() != (0,)

    def _run(self, migration: Migration, file: str, note: str) -> None:
        text = (migration.directory / file).read_text(encoding="utf-8")
        self._db.execute(with_job_table(text, self._job_table).encode())
        self._db.execute(note, [migration.version, migration.name])


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


@contextmanager
def _failures(what: str) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise PlatformError(f"{what}: {reason}", transient=isinstance(error, psycopg.OperationalError)) from error
