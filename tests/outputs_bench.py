"""What the tests of outputs share: a job's output directory with its sync, and storage and catalogue that can fail."""

from __future__ import annotations

import contextlib
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
from openjd_vstitcher.platform.embedded.platform import EmbeddedPlatform
from openjd_vstitcher.platform.values import Asset, Claim, Job, NewAsset, NewJob, Outcome
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
    """A job that is claimed on a real platform, and its assets. `failures` are raised first, one for each write.

    Parameters
    ----------
    path: the embedded platform's file.
    """

    def __init__(self, path: Path) -> None:
        self.platform = EmbeddedPlatform(path)
        self.failures: list[Exception] = []
        self.before_write: Callable[[], None] = lambda: None
        self.platform.put_preset({"key": "p", "name": "p", "version": 0, "details": {"instructions": []}})
        self.platform.submit(NewJob("TEST", "p", {}, id="job-1"))
        self.claim = self.claim_again()

    def claim_again(self) -> Claim:
        """The claim of the next attempt; an earlier one is lost."""
        with contextlib.suppress(AttributeError):
            self.platform.finish(self.claim, Outcome("NEW"))
        taken = self.platform.claim("worker", ["TEST"], lease_s=3600)
        assert taken is not None
        return taken

    def rows(self) -> Sequence[Asset]:
        """The assets of the job."""
        return self.platform.assets("job-1")

    def begin_asset(self, claim: Claim, asset: NewAsset) -> str:
        self._fail()
        return self.platform.begin_asset(claim, asset)

    def asset_uploaded(self, claim: Claim, asset_id: str, details: Mapping[str, Any]) -> None:
        self._fail()
        self.platform.asset_uploaded(claim, asset_id, details)

    def _fail(self) -> None:
        self.before_write()
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
    events: list[Entry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.output = self.directory / "output"
        self.root = self.directory / "root"
        self.storage = FailingStorage(LocalStorage(StorageConfig(local=LocalStorageConfig(self.root)), read_from=()))
        self.catalogue = Catalogue(self.directory / "platform.sqlite")
        self._changed = threading.Condition()
        self.sync = self.new_sync()

    def new_sync(self) -> OutputSync:
        """A sync as a new process would make it."""
        expected = [ExpectedOutput(name, name not in self.kept, "MEDIA_RENDER", n) for n, name in enumerate(self.names)]
        journal = Journal(self.directory / "journal.jsonl", job_id="job-1", on_event=self._on_event)
        delivery = Delivery(self.storage, "s3://bucket/exports/job-1", self.catalogue, self.catalogue.claim)  # type: ignore[arg-type]  # passes the rest on
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


def fates(results: object) -> dict[str, str]:
    return {result.name: result.fate for result in results}  # type: ignore[attr-defined]  # a sequence of results
