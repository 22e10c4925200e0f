"""Storage in one SQLite file, as a newcomer would write an adapter: see `test_exercise.py`."""

from __future__ import annotations

import hashlib
import sqlite3
from typing import Any, BinaryIO

from openjd_vstitcher.config import StorageConfig
from openjd_vstitcher.errors import StorageError
from openjd_vstitcher.storage.address import check_within, is_https
from openjd_vstitcher.storage.ports import NEW_TRANSFER, ObjectChanged, Transfer
from openjd_vstitcher.storage.values import PutOptions, StoredObject


class SqliteStorage:
    def __init__(self, config: StorageConfig, read_from: tuple[str, ...]) -> None:
        self._folder, self._write_to, self._read_from = config.local.root, config.write_to, read_from
        self._sql("CREATE TABLE IF NOT EXISTS object (uri PRIMARY KEY, time, size, sha256, content)")

    def check(self, destination: str) -> None:
        check_within(destination, self._write_to, "storage.write_to")

    def check_source(self, uri: str) -> None:
        if not is_https(uri):
            check_within(uri, self._read_from, "inputs.read_from")

    def put(
        self, source: BinaryIO, uri: str, *, sha256: str, options: PutOptions, transfer: Transfer = NEW_TRANSFER
    ) -> StoredObject:
        self.check(uri)
        content = source.read(source.seek(0) or -1)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise StorageError(f"{uri}: the file changed while it was stored", transient=True)
        transfer.on_bytes(len(content))
        transfer.guard()
        there = "ifnull((SELECT sha256 FROM object WHERE uri = ?1), '')"
        sql = f"REPLACE INTO object SELECT ?1, unixepoch(), length(?3), ?2, ?3 WHERE ifnull(?4, {there}) = {there}"
        if not self._sql(sql + " RETURNING uri", uri, sha256, content, transfer.replaces):
            raise ObjectChanged(uri)
        return StoredObject(uri, len(content), sha256, etag=sha256)

    def abandon(self, uri: str, upload_id: str) -> None: ...

    def stat(self, uri: str) -> StoredObject | None:
        return next((found for found, _ in self.list("s3:/") if found.uri == uri), None)

    def list(self, prefix: str, *, most: int | None = None) -> list[tuple[StoredObject, float]]:
        sql = "SELECT time, uri, size, sha256, '', sha256 FROM object WHERE instr(uri, ?) = 1 ORDER BY uri LIMIT ?"
        return [(StoredObject(*row), time_s) for time_s, *row in self._sql(sql, prefix.rstrip("/") + "/", most or -1)]

    def presign(self, uri: str, *, expires_s: int, version: str = "") -> str:
        self.check_source(uri)
        path = self._folder / hashlib.sha256(uri.encode()).hexdigest()
        path.write_bytes(self._sql("SELECT content FROM object WHERE uri = ?", uri)[0][0])
        return path.as_uri()

    def _sql(self, statement: str, *values: Any) -> Any:
        with sqlite3.connect(self._folder / "objects.sqlite") as database:
            return database.execute(statement, values).fetchall()
