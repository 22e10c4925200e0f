"""The port: where inputs come from and outputs go. `local` and `s3` are its adapters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from .values import PutOptions, StoredObject

OnBytes = Callable[[int], None]
"""Called with the number of bytes moved since the last call; may be called from any thread."""


@dataclass(frozen=True)
class Transfer:
    """How one upload reports its progress and is resumed after a crash.

    Parameters
    ----------
    on_bytes: called as bytes are stored; an exception that it raises ends the transfer.
    upload_id: the multi-part upload to resume; None the first time, "" if one was begun whose id was never saved.
    on_upload_id: called with the id before the first part is sent, so that it can be saved, and with None at the end.
    """

    on_bytes: OnBytes | None = None
    upload_id: str | None = None
    on_upload_id: Callable[[str | None], None] | None = None


NEW_TRANSFER = Transfer()


class Storage(Protocol):
    """A place for objects, addressed by URI. Every method raises `StorageError`."""

    def check(self, destination: str) -> None:
        """Raise `InvalidInput` for a destination that the configuration does not allow. Uses no network."""

    def check_source(self, uri: str) -> None:
        """Raise `InvalidInput` for an input that the configuration does not allow. Uses no network."""

    def put(
        self,
        source: BinaryIO,
        uri: str,
        *,
        sha256: str,
        options: PutOptions,
        transfer: Transfer = NEW_TRANSFER,
    ) -> StoredObject:
        """Store an open file whole or not at all, verified against `sha256` and its size. Idempotent.

        It takes the open file, not its path, so that the stored bytes are those that were checked.
        """

    def abandon(self, uri: str) -> None:
        """Delete what unfinished uploads to this address left in storage."""

    def stat(self, uri: str) -> StoredObject | None:
        """The object at this address, or None. A folder is not an object."""

    def list(self, prefix: str, *, most: int | None = None) -> Sequence[tuple[StoredObject, float]]:
        """All whole objects in a folder and the folders below it, ordered by address, or `most` of them.

        Each comes with its time of change (seconds since the epoch). The slash at the end of `prefix` may be missing.
        """

    def presign(self, uri: str, *, expires_s: int, version: str = "") -> str:
        """A URL with which anyone can read exactly this object until the URL expires."""
