"""What the tests of outputs share: a job's output directory with its sync, and storage and catalogue that can fail."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from openjd_vstitcher.config import LocalStorageConfig, OutputsConfig, StorageConfig
from openjd_vstitcher.journal import Entry, Journal
from openjd_vstitcher.outputs.sync import OutputSync
from openjd_vstitcher.outputs.values import Delivery
from openjd_vstitcher.platform.values import Asset, Claim, Job, NewAsset
from openjd_vstitcher.storage.local import LocalStorage
from openjd_vstitcher.storage.ports import NEW_TRANSFER, Storage, Transfer
from openjd_vstitcher.storage.values import PutOptions, StoredObject
from openjd_vstitcher.translation.outputs import ExpectedOutput

PROMPT = OutputsConfig(settle_s=0.05, retry_first_s=0.01, retry_longest_s=0.05)
"""Configuration with short waits."""


def claim(job_id: str = "job-1", attempt: int = 1) -> Claim:
    """A claim for a job that is in no queue."""
    now = datetime.now(UTC)
    job = Job(job_id, "TEST", "p", {}, "IN_PROGRESS", 0, now, now, attempt=attempt)
    return Claim(job, {}, attempt, "worker", None)


class Catalogue:
    """An asset catalogue in memory. `failures` are raised first, one for each call."""

    def __init__(self) -> None:
        self.rows: dict[str, Asset] = {}
        self.failures: list[Exception] = []
        self._lock = threading.Lock()

    def begin_asset(self, claim: Claim, asset: NewAsset) -> str:
        with self._lock:
            self._fail()
            row_id = f"asset-{asset.name}"
            row = Asset(row_id, claim.job.id, asset.name, asset.type, "IN_PROGRESS", asset.path, asset.is_public_facing)
            self.rows.setdefault(row_id, row)
            return row_id

    def asset_uploaded(self, claim: Claim, asset_id: str, details: Mapping[str, Any]) -> None:
        with self._lock:
            self._fail()
            old = self.rows[asset_id]
            self.rows[asset_id] = Asset(
                old.id, old.job_id, old.name, old.type, "UPLOADED", old.path, old.is_public_facing, details=details
            )

    def assets(self, job_id: str) -> Sequence[Asset]:
        return sorted(self.rows.values(), key=lambda row: row.name)

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


class FailingStorage:
    """A storage whose `failures` are raised first, one for each upload. `gate` holds every upload until it is set."""

    def __init__(self, storage: Storage) -> None:
        self.within = storage
        self.failures: list[Exception] = []
        self.gate = threading.Event()
        self.gate.set()
        self.before_put: Callable[[str], None] = lambda uri: None
        self.puts: list[str] = []

    def put(
        self,
        source: BinaryIO,
        uri: str,
        *,
        sha256: str,
        options: PutOptions,
        transfer: Transfer = NEW_TRANSFER,
    ) -> StoredObject:
        self.puts.append(uri)
        self.before_put(uri)
        assert self.gate.wait(30)
        if self.failures:
            raise self.failures.pop(0)
        return self.within.put(source, uri, sha256=sha256, options=options, transfer=transfer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.within, name)


@dataclass
class Bench:
    """An output directory under a sync, and all that the sync writes to."""

    directory: Path
    names: Sequence[str]
    kept: Sequence[str] = ()
    config: OutputsConfig = PROMPT
    catalogue: Catalogue = field(default_factory=Catalogue)
    events: list[Entry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.output = self.directory / "output"
        self.root = self.directory / "root"
        self.storage = FailingStorage(LocalStorage(StorageConfig(local=LocalStorageConfig(self.root)), read_from=()))
        self._changed = threading.Condition()
        self.sync = self.new_sync()

    def new_sync(self) -> OutputSync:
        """A sync as a new process would make it."""
        expected = [ExpectedOutput(name, name not in self.kept, "MEDIA_RENDER", n) for n, name in enumerate(self.names)]
        journal = Journal(self.directory / "journal.jsonl", job_id="job-1", on_event=self._on_event)
        delivery = Delivery(self.storage, "s3://bucket/exports/job-1", self.catalogue, claim())  # type: ignore[arg-type]  # passes the rest on
        return OutputSync(
            self.output,
            expected,
            ledger=self.directory / "ledger.sqlite",
            journal=journal,
            delivery=delivery,
            config=self.config,
        )

    def write(self, name: str, content: bytes = b"content") -> None:
        """Write an output as the plugin does: under a temporary name, then by rename."""
        partial = self.output / f".{threading.get_ident()}.part"
        partial.write_bytes(content)
        os.replace(partial, self.output / name)

    def stored(self, name: str) -> bytes | None:
        """What storage has of an output."""
        path = self.root / "bucket/exports/job-1" / name
        return path.read_bytes() if path.exists() else None

    def named(self, event: str, output: str | None = None) -> list[Entry]:
        """The events of a name so far."""
        return [e for e in self.events if e.name == event and output in (None, e.fields.get("output"))]

    def wait_for(self, event: str, output: str | None = None, *, count: int = 1, limit_s: float = 10) -> Entry:
        """Wait until an event has come so many times, and return the last."""
        deadline = time.monotonic() + limit_s
        with self._changed:
            while len(self.named(event, output)) < count:
                left_s = deadline - time.monotonic()
                assert left_s > 0, f"no {event} of {output}; there were {[(e.name, e.fields) for e in self.events]}"
                self._changed.wait(left_s)
        return self.named(event, output)[-1]

    def _on_event(self, entry: Entry) -> None:
        with self._changed:
            self.events.append(entry)
            self._changed.notify_all()
