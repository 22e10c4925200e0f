"""What the contract needs to know of a storage adapter."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest

from openjd_vstitcher.errors import StorageError
from openjd_vstitcher.storage.inputs.download import fetch
from openjd_vstitcher.storage.inputs.manifest import InputEntry
from openjd_vstitcher.storage.ports import NEW_TRANSFER, Storage, Transfer
from openjd_vstitcher.storage.values import PutOptions, StoredObject

PART_BYTES = 5 << 20
READ_FROM = ("s3://style-assets", "s3://artworks/prints")
WRITE_TO = ("s3://style-assets",)
METADATA = {"sha256": "0" * 64, "job": "job 1", "style": "Größe 38 – 日本 + 50%"}


@dataclass(frozen=True)
class Subject:
    """A storage under test. It may hold objects of earlier tests: each test keeps to its own `prefix`.

    Parameters
    ----------
    storage: it, opened with `READ_FROM`, `WRITE_TO`, and parts of `PART_BYTES` where it has parts.
    prefix: a folder's address that no other test uses, with a slash at its end.
    leftovers: names, as seen from outside, of what unfinished uploads have left under the prefix.
    hosts: hosts that pre-signed URLs may lead to.
    """

    storage: Storage
    prefix: str
    leftovers: Callable[[], list[str]]
    hosts: tuple[str, ...] = ()

    def uri(self, name: str) -> str:
        """An address under the prefix."""
        return self.prefix + name

    def put(
        self, content: bytes | BinaryIO, name: str, *, sha256: str = "", transfer: Transfer | None = None
    ) -> StoredObject:
        """Store bytes, or what is read from a source whose SHA-256 is given."""
        source = io.BytesIO(content) if isinstance(content, bytes) else content
        digest = sha256 or digest_of(content if isinstance(content, bytes) else b"")
        options = PutOptions("image/png", METADATA)
        return self.storage.put(source, self.uri(name), sha256=digest, options=options, transfer=transfer or Transfer())

    def read(self, name: str, directory: Path) -> bytes:
        """The bytes that anyone gets who has a pre-signed URL."""
        url = self.storage.presign(self.uri(name), expires_s=60)
        entry = InputEntry("artwork", "x", url, self.uri(name))
        return fetch(entry, directory / "fetched", allow_private_hosts=self.hosts).path.read_bytes()

    def names(self) -> list[str]:
        """The names under the prefix, in the order in which the storage lists them."""
        return [found.uri.removeprefix(self.prefix) for found, _ in self.storage.list(self.prefix)]


def digest_of(content: bytes) -> str:
    """SHA-256 in lower-case hexadecimal."""
    return hashlib.sha256(content).hexdigest()


class Interrupted(StorageError):
    """What a test raises in the middle of an upload."""

    def __init__(self) -> None:
        super().__init__("interrupted", transient=True)


def interrupt(_: int) -> None:
    """End an upload at its first bytes."""
    raise Interrupted


def last(noted: list[str | None]) -> str:
    """The id of an unfinished upload, "" if the storage has no such thing."""
    return (noted[-1] if noted else None) or ""


def interrupted_upload(subject: Subject, content: bytes, name: str = "a.png") -> str:
    """Begin an upload, and return the id by which it can be resumed."""
    noted: list[str | None] = []
    with pytest.raises(Interrupted):
        subject.put(content, name, transfer=Transfer(on_bytes=interrupt, on_upload_id=noted.append))
    return last(noted)


def put_at_once(subject: Subject, contents: list[bytes], transfer: Transfer = NEW_TRANSFER) -> list[StorageError]:
    """Store contents as one object at the same moment, and return the errors of those that were not stored."""
    together = threading.Barrier(len(contents))
    lost: list[StorageError] = []
    stored: list[bytes] = []

    def put(content: bytes) -> None:
        together.wait()
        try:
            subject.put(content, "a.png", transfer=transfer)
            stored.append(content)
        except StorageError as error:
            lost.append(error)

    threads = [threading.Thread(target=put, args=[content]) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stored) + len(lost) == len(contents)
    return lost
