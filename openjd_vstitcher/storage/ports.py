"""The port: where inputs come from and outputs go. `local` and `s3` are its adapters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from ..errors import StorageError
from .values import PutOptions, StoredObject

OnBytes = Callable[[int], None]
"""Called with the number of bytes moved since the last call; may be called from any thread."""


class ObjectChanged(StorageError):
    """A conditional write was refused: the object is not the one that was to be replaced."""

    def __init__(self, uri: str) -> None:
        super().__init__(f"{uri} was changed by another writer", transient=True)


def _ignore(*_: Any) -> None:
    """What is called where nobody wants to know."""


@dataclass(frozen=True)
class Transfer:
    """How one upload is fenced, reports its progress, and is resumed after a crash.

    Parameters
    ----------
    on_bytes: called as bytes are stored; an exception that it raises ends the transfer.
    upload_id: the unfinished upload to resume, as `on_upload_id` gave it; None the first time, "" if one was begun
        whose id was never saved.
    on_upload_id: called with the id before the first part is sent, so that it can be saved, and with None at the end.
    guard: called right before the object is replaced, and before the first request where an upload takes several; an
        exception that it raises leaves the object as it is.
    replaces: the `etag` of the object that this one may replace, "" if there must be none; None to replace any. A
        storage without conditional writes replaces any.
    """

    on_bytes: OnBytes = _ignore
    upload_id: str | None = None
    on_upload_id: Callable[[str | None], None] = _ignore
    guard: Callable[[], None] = _ignore
    replaces: str | None = None


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

        It takes the open file, not its path, so that the stored bytes are those that were checked. Raises
        `ObjectChanged` if the object is not the one that `transfer.replaces` names; it is then left as it is.
        """

    def abandon(self, uri: str, upload_id: str) -> None:
        """Delete what an unfinished upload to this address left in storage, and nothing of any other upload.

        Parameters
        ----------
        upload_id: as `Transfer.on_upload_id` gave it, "" if it was never saved.
        """

    def stat(self, uri: str) -> StoredObject | None:
        """The object at this address, or None. A folder is not an object."""

    def list(self, prefix: str, *, most: int | None = None) -> Sequence[tuple[StoredObject, float]]:
        """All whole objects in a folder and the folders below it, ordered by address, or `most` of them.

        Each comes with its time of change (seconds since the epoch). The slash at the end of `prefix` may be missing.
        """

    def presign(self, uri: str, *, expires_s: int, version: str = "") -> str:
        """A URL with which anyone can read exactly this object until the URL expires."""

    def link(self, uri: str, *, expires_s: int) -> str:
        """A URL with which anyone can read this output until the URL expires.

        Raises `InvalidInput` for an address that outputs may not go to.
        """
