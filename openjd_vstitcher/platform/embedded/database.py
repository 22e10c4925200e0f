"""A SQLite file shared by threads and processes: opening, its schema, transactions and named statements."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ...errors import PlatformError
from ...files import make_directory_for_owner, open_for_owner
from ..storable import storable
from .sql import script, statements

_SCHEMA = ("schema.sql", "expiries.sql", "changes.sql", "results.sql")
"""Each script takes the schema to the next version."""
_BUSY_LIMIT_S = 60.0
_PEEK_LIMIT_S = 1.0
_RETRY_S = 0.2
_OPENING = threading.Lock()


class Database:
    """The database of the embedded platform. Safe to share between threads and between processes.

    Parameters
    ----------
    path: the file, readable by its owner only; created if it is missing.

    Raises
    ------
    PlatformError: the file cannot be opened, is not a database, or was made by a newer release.
    """

    def __init__(self, path: Path) -> None:
        self._sql = statements("queries.sql")
        self._lock = threading.RLock()
        self._peek_lock = threading.Lock()
        try:
            with _OPENING:
                _make_private(path)
                self._db = _connect(path, _BUSY_LIMIT_S)
            self._prepare()
            self._peeking = _connect(path, _PEEK_LIMIT_S)
        except (OSError, sqlite3.Error) as error:
            raise PlatformError(f"cannot open the platform {path}: {error}") from error

    def close(self) -> None:
        """Close the file."""
        with self._peek_lock:
            self._peeking.close()
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction that writes; an exception rolls it back.

        Raises
        ------
        PlatformError: a constraint forbids the change, or the file is busy or cannot be written.
        """
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
                raise PlatformError(f"the platform refused the change: {error}") from error
            except sqlite3.OperationalError as error:
                raise PlatformError(f"the platform could not make the change: {error}", transient=True) from error

    def run(self, name: str, /, **values: Any) -> list[sqlite3.Row]:
        """Run a named statement inside a transaction and return its rows."""
        return self._db.execute(self._sql[name], storable(values)).fetchall()

    def one(self, name: str, /, **values: Any) -> sqlite3.Row | None:
        """Run a named statement inside a transaction and return its first row, if there is one."""
        return next(iter(self.run(name, **values)), None)

    def rows(self, name: str, /, **values: Any) -> list[sqlite3.Row]:
        """Read rows, inside a transaction or outside.

        Raises
        ------
        PlatformError: the file cannot be read.
        """
        return self._read(self._db, self._lock, name, values)

    def peek(self, name: str, /, **values: Any) -> list[sqlite3.Row]:
        """Read rows outside of any transaction, without waiting for writers.

        Raises
        ------
        PlatformError: the file cannot be read.
        """
        return self._read(self._peeking, self._peek_lock, name, values)

    def version(self) -> int:
        """A number that differs after another connection has changed the file."""
        with self._peek_lock:
            return int(self._peeking.execute("PRAGMA data_version").fetchone()[0])

    def _read(
        self, db: sqlite3.Connection, lock: threading.RLock | threading.Lock, name: str, values: dict[str, Any]
    ) -> list[sqlite3.Row]:
        with lock:
            try:
                return db.execute(self._sql[name], values).fetchall()
            except sqlite3.Error as error:
                raise PlatformError(f"the platform could not be read: {error}", transient=True) from error

    def _prepare(self) -> None:
        self._use_wal()
        self._db.execute("PRAGMA foreign_keys = ON")
        with self.transaction():
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > len(_SCHEMA):
                raise sqlite3.DatabaseError(f"its schema is version {version}; this release knows up to {len(_SCHEMA)}")
            for name in _SCHEMA[version:]:
                for statement in _split(script(name)):
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {len(_SCHEMA)}")

    def _use_wal(self) -> None:
        # SQLite does not wait for others while it changes the journal mode, whatever the busy timeout.
        deadline = time.monotonic() + _BUSY_LIMIT_S
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_RETRY_S)
            else:
                return


def _connect(path: Path, busy_limit_s: float) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=busy_limit_s, isolation_level=None, check_same_thread=False)
    db.row_factory = sqlite3.Row
    return db


def _make_private(path: Path) -> None:
    """Make the file readable by its owner only; SQLite copies its mode to the files beside it.

    An existing file is never opened here: closing it would drop the locks of this process's other connections.
    """
    make_directory_for_owner(path.parent, exist_ok=True)
    try:
        os.close(open_for_owner(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        for file in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
            with suppress(FileNotFoundError, PermissionError):
                file.chmod(0o600)


def _split(text: str) -> Iterator[str]:
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
