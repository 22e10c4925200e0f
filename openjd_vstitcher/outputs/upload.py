"""Takes one output from a settled file to a registered asset. Knows nothing of threads and watches."""

from __future__ import annotations

import logging
import mimetypes
import os
import threading
import time
from collections.abc import Callable
from typing import Any, BinaryIO, TypeVar

from .. import events
from ..config import OutputsConfig
from ..errors import ClaimLost, PlatformError, StorageError
from ..journal import Journal
from ..platform.values import NewAsset, lost
from ..retry import retrying
from ..storage.address import join
from ..storage.ports import ObjectChanged, Transfer
from ..storage.values import PutOptions, StoredObject
from ..translation.outputs import ExpectedOutput
from .files import NotSettled, OutputDirectory, OutputRefused, digest, identity
from .ledger import Entry, Ledger
from .values import Delivery

_T = TypeVar("_T")
_PROGRESS_S = 2.0
_log = logging.getLogger(__name__)


class Upload:
    """Delivers outputs into storage and catalogue, and records each step in the ledger.

    Parameters
    ----------
    delivery: where outputs go; None if they stay in the output directory.
    stop: when set, nothing is retried any more. The ledger keeps what is not done.
    """

    def __init__(
        self,
        directory: OutputDirectory,
        ledger: Ledger,
        journal: Journal,
        delivery: Delivery | None,
        config: OutputsConfig,
        stop: threading.Event,
    ) -> None:
        self._directory = directory
        self._ledger = ledger
        self._journal = journal
        self._delivery = delivery
        self._config = config
        self._stop = stop

    def deliver(self, output: ExpectedOutput) -> None:
        """Deliver an output as far as possible now. May be repeated.

        Raises
        ------
        FileNotFoundError: it does not exist.
        NotSettled: it is still being written.
        StorageError: the ledger cannot be written.
        ClaimLost: another attempt owns the job.
        """
        try:
            with self._directory.open(output.name) as file:
                self._deliver(output, file)
        except OutputRefused as error:
            self._fail(output, "refused", str(error))
        except ClaimLost as error:
            self._fail(output, "claim_lost", str(error))
            raise
        except StorageError as error:
            self._fail_or_pend(output, "storage", error)
        except PlatformError as error:
            self._fail_or_pend(output, "platform", error)
        except (FileNotFoundError, NotSettled):
            raise
        except OSError as error:
            self._fail(output, "unreadable", error.strerror or type(error).__name__)

    def abandon(self) -> None:
        """Delete what unfinished uploads left in storage, once nobody may complete them. Cleaning tries it again."""
        for entry in self._ledger.entries():
            if self._delivery is None or entry.uri is None or entry.upload_id is None:
                continue
            try:
                self._delivery.storage.abandon(entry.uri, entry.upload_id)
                self._ledger.record(entry.output.name, upload_id=None)
            except StorageError as error:
                _log.warning("the unfinished upload of %s stays for now: %s", entry.output.name, error)

    def _deliver(self, output: ExpectedOutput, file: BinaryIO) -> None:
        entry = self._ledger.entry(output.name)
        as_before = entry.identity == identity(os.fstat(file.fileno()))
        delivery = self._delivery if output.upload else None
        if as_before and entry.delivered:
            return
        if not as_before or entry.sha256 is None or entry.state in ("expected", "seen"):
            entry = self._settle(output, file)
        if delivery is None:
            self._ledger.record(output.name, "kept", error=None)
        elif entry.delivered:
            return
        else:
            if entry.state != "stored":
                entry = self._store(output, entry, file, delivery)
            self._register(output, entry, delivery)

    def _settle(self, output: ExpectedOutput, file: BinaryIO) -> Entry:
        before = self._ledger.entry(output.name)
        sha256, found = digest(file)
        facts = {"identity": identity(found), "size_bytes": found.st_size, "sha256": sha256}
        if before.sha256 == sha256 and before.state in ("stored", "registered", "kept"):
            self._ledger.record(output.name, identity=facts["identity"])
        else:
            self._ledger.record(output.name, "settled", **facts, error=None)
            self._journal.append(events.OutputSettled(output=output.name, size_bytes=found.st_size, sha256=sha256))
        return self._ledger.entry(output.name)

    def _store(self, output: ExpectedOutput, entry: Entry, file: BinaryIO, delivery: Delivery) -> Entry:
        uri = join(delivery.destination, output.name)
        attempts = entry.attempts + 1
        self._ledger.record(output.name, "uploading", uri=uri, attempts=attempts, error=None)
        self._journal.append(
            events.OutputUploading(output=output.name, uri=uri, size_bytes=entry.size_bytes, attempt_of_upload=attempts)
        )
        began = time.monotonic()
        replaces = ""

        def put() -> StoredObject:
            nonlocal replaces
            try:
                return self._put(entry, uri, file, delivery, replaces)
            except ObjectChanged:
                there = delivery.storage.stat(uri)
                replaces = "" if there is None else there.etag
                return self._put(entry, uri, file, delivery, replaces)

        stored = self._retrying(output, put)
        self._ledger.record(output.name, "stored", upload_id=None)
        seconds = round(time.monotonic() - began, 3)
        self._journal.append(
            events.OutputStored(
                output=output.name,
                uri=stored.uri,
                size_bytes=stored.size_bytes,
                sha256=entry.sha256,
                seconds=seconds,
            )
        )
        return self._ledger.entry(output.name)

    def _put(self, entry: Entry, uri: str, file: BinaryIO, delivery: Delivery, replaces: str) -> StoredObject:
        """Store an output, if the claim is held and the object is still the one that was seen.

        What is there is looked at before the claim is checked. So a later attempt has either not begun, or it has begun
        and the claim is lost, or what it stores after that is not replaced.
        """
        assert entry.sha256 is not None
        options = PutOptions(
            content_type=content_type(entry.output.name),
            metadata={"sha256": entry.sha256, **delivery.metadata},
            public=delivery.style_id is not None,
        )
        name = entry.output.name
        transfer = Transfer(
            on_bytes=self._on_bytes(entry),
            upload_id=self._ledger.entry(name).upload_id,
            on_upload_id=lambda upload_id: self._ledger.record(name, upload_id=upload_id),
            guard=lambda: self._begin_asset(entry, uri, delivery),
            replaces=replaces,
        )
        try:
            stored = delivery.storage.put(file, uri, sha256=entry.sha256, options=options, transfer=transfer)
        finally:
            if identity(os.fstat(file.fileno())) != entry.identity:
                raise NotSettled("it changed while it was stored")
        if stored.size_bytes != entry.size_bytes or stored.sha256 not in (None, entry.sha256):
            raise StorageError(f"{uri}: the stored bytes differ from the file", transient=True)
        return stored

    def _on_bytes(self, entry: Entry) -> Callable[[int], None]:
        """Reports the progress of an upload now and then, and aborts it when `stop` is set."""
        lock, moved, told_at = threading.Lock(), 0, time.monotonic()

        def on_bytes(count: int) -> None:
            nonlocal moved, told_at
            if self._stop.is_set():
                raise StorageError("the upload was interrupted", transient=True)
            with lock:
                moved += count
                if time.monotonic() - told_at < _PROGRESS_S:
                    return
                told_at = time.monotonic()
            self._journal.append(
                events.OutputProgress(output=entry.output.name, sent_bytes=moved, size_bytes=entry.size_bytes)
            )

        return on_bytes

    def _begin_asset(self, entry: Entry, uri: str, delivery: Delivery) -> None:
        """Check the claim, and say in the catalogue that the object is about to change: one request does both.

        Raises
        ------
        ClaimLost: another attempt owns the job.
        PlatformError: the catalogue cannot be asked, so nothing may be written now.
        """
        output = entry.output
        if output.asset_type is None:
            if delivery.catalogue.claim_state(delivery.claim, timeout_s=0) == "lost":
                raise lost(delivery.claim)
            return
        asset = NewAsset(
            name=output.name,
            type=output.asset_type,
            path=uri,
            is_public_facing=delivery.style_id is not None,
            style_id=delivery.style_id,
            body_id=delivery.body_id,
            details=_asset_details(output, entry, delivery),
        )
        asset_id = delivery.catalogue.begin_asset(delivery.claim, asset)
        if asset_id != self._ledger.entry(output.name).asset_id:
            self._ledger.record(output.name, asset_id=asset_id)

    def _register(self, output: ExpectedOutput, entry: Entry, delivery: Delivery) -> None:
        if output.asset_type is None:
            self._ledger.record(output.name, "kept", error=None)
            self._journal.append(events.OutputUnregistered(output=output.name, uri=entry.uri or ""))
            return
        assert entry.asset_id is not None
        asset_id, details = entry.asset_id, _asset_details(output, entry, delivery)
        self._retrying(output, lambda: delivery.catalogue.asset_uploaded(delivery.claim, asset_id, details))
        self._ledger.record(output.name, "registered", error=None)
        self._journal.append(events.OutputRegistered(output=output.name, asset_id=asset_id))

    def _retrying(self, output: ExpectedOutput, action: Callable[[], _T]) -> _T:
        def on_wait(error: Exception, wait_s: float) -> None:
            self._ledger.record(output.name, error=str(error))
            self._journal.append(events.OutputWaiting(output=output.name, reason=str(error), wait_s=round(wait_s, 2)))

        first_s, longest_s = self._config.retry_first_s, self._config.retry_longest_s
        return retrying(action, stop=self._stop, first_s=first_s, longest_s=longest_s, on_wait=on_wait)

    def _fail_or_pend(
        self, output: ExpectedOutput, cause: events.OutputFault, error: StorageError | PlatformError
    ) -> None:
        if not (error.transient or error.credential):
            self._fail(output, cause, str(error))
        elif self._stop.is_set():
            self._ledger.record(output.name, error=str(error))
        else:
            raise error

    def _fail(self, output: ExpectedOutput, cause: events.OutputFault, reason: str) -> None:
        if self._ledger.entry(output.name).error != reason:
            self._journal.append(events.OutputFailed(output=output.name, cause=cause, reason=reason))
        self._ledger.record(output.name, "failed", error=reason)


def content_type(name: str) -> str:
    """The media type of an output, from its name."""
    known = {".glb": "model/gltf-binary", ".gltf": "model/gltf+json", ".dxf": "image/vnd.dxf"}
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122  (a name, not a path)
    return known.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def _asset_details(output: ExpectedOutput, entry: Entry, delivery: Delivery) -> dict[str, Any]:
    details = {
        "content_type": content_type(output.name),
        "size_bytes": entry.size_bytes,
        "sha256": entry.sha256,
        **delivery.provenance(),
    }
    return details if output.instruction is None else {"instruction": output.instruction, **details}
