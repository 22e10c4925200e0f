"""The state of each output, in SQLite. Every transition is on disk before the next one begins."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ..errors import StorageError
from ..translation.outputs import ExpectedOutput

State = Literal["expected", "seen", "settled", "uploading", "stored", "registered", "kept", "failed"]
"""The states of an output, normally `expected → seen → settled → uploading → stored → registered`."""

_SCHEMA = Path(__file__).with_name("ledger.sql")
_FIELDS = ("size_bytes", "identity", "sha256", "uri", "asset_id", "upload_id", "attempts", "error")


@dataclass(frozen=True)
class Entry:
    """The row of one output.

    Parameters
    ----------
    identity: device, inode, size and modification time of the file, to recognize it.
    upload_id: the unfinished multi-part upload, "" or None where there is none.
    attempts: how many uploads were started.
    error: the last error, None after a success.
    """

    output: ExpectedOutput
    state: State
    size_bytes: int | None
    identity: str | None
    sha256: str | None
    uri: str | None
    asset_id: str | None
    upload_id: str | None
    attempts: int
    error: str | None

    @property
    def delivered(self) -> bool:
        """Whether nothing is left to do for this output."""
        return self.state in ("registered", "kept")


class Ledger:
    """The ledger of one job. Safe to use from several threads.

    Parameters
    ----------
    path: the file. It is created if it does not exist.
    expected: the outputs of the job; None to use those in the file.

    Raises
    ------
    StorageError: the file cannot be opened, or is not a ledger: a fault of the disk.
    """

    def __init__(self, path: Path, expected: Sequence[ExpectedOutput] | None = None) -> None:
        self._lock = threading.Lock()
        with _explained(f"cannot open the ledger {path}"):
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
            try:
                self._prepare(expected)
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self, expected: Sequence[ExpectedOutput] | None) -> None:
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(_SCHEMA.read_text(encoding="utf-8"))
        if expected is not None:
            rows = [(o.name, n, o.upload, o.asset_type, o.instruction) for n, o in enumerate(expected)]
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany(
                    "INSERT INTO output (name, position, upload, asset_type, instruction) VALUES (?, ?, ?, ?, ?)"
                    " ON CONFLICT (name) DO UPDATE SET position = excluded.position, upload = excluded.upload,"
                    " asset_type = excluded.asset_type, instruction = excluded.instruction",
                    rows,
                )

    def add(self, output: ExpectedOutput) -> None:
        """Add an output that was not known before the job ran."""
        with self._lock, _explained():
            self._connection.execute(
                "INSERT INTO output (name, position, upload, asset_type, instruction)"
                " SELECT ?, count(*), ?, ?, ? FROM output WHERE true ON CONFLICT (name) DO NOTHING",
                (output.name, output.upload, output.asset_type, output.instruction),
            )

    def entry(self, name: str) -> Entry:
        """The row of an expected output."""
        with self._lock, _explained("cannot read the ledger"):
            row = self._connection.execute("SELECT * FROM output WHERE name = ?", (name,)).fetchone()
        return _entry(row)

    def entries(self) -> list[Entry]:
        """All rows, in the order of the preset."""
        with self._lock, _explained("cannot read the ledger"):
            rows = self._connection.execute("SELECT * FROM output ORDER BY position").fetchall()
        return [_entry(row) for row in rows]

    def facts(self) -> dict[str, str]:
        """What was recorded about the job as a whole."""
        with self._lock, _explained("cannot read the ledger"):
            return {row["key"]: row["value"] for row in self._connection.execute("SELECT key, value FROM fact")}

    def note(self, facts: Mapping[str, str]) -> None:
        """Record facts about the job as a whole."""
        with self._lock, _explained(), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                "INSERT INTO fact (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                list(facts.items()),
            )

    def record(self, name: str, state: State | None = None, **fields: Any) -> None:
        """Record a transition of an output, or fields of it. It is on disk when this returns.

        Raises
        ------
        StorageError: the ledger cannot be written, as on a full disk.
        """
        unknown = set(fields) - set(_FIELDS)
        if unknown or (state is not None and state not in get_args(State)):
            raise ValueError(f"no such field or state: {sorted(unknown) or state}")
        changes = ({"state": state} if state is not None else {}) | fields
        assignments = "".join(f"{key} = :{key}, " for key in changes)
        with self._lock, _explained():
            self._connection.execute(
                f"UPDATE output SET {assignments}"  # noqa: S608  (names come from the tuple above)
                "updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE name = :name",
                {**changes, "name": name},
            )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


@contextlib.contextmanager
def _explained(what: str = "cannot write the ledger") -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise StorageError(f"{what}: {error}", transient=True) from error


def _entry(row: sqlite3.Row) -> Entry:
    output = ExpectedOutput(row["name"], bool(row["upload"]), row["asset_type"], row["instruction"])
    return Entry(output, row["state"], **{key: row[key] for key in _FIELDS})
