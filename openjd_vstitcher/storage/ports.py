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
    """How one upload is followed and, after a crash, continued.

    Parameters
    ----------
    on_bytes: told of bytes as they are stored; what it raises ends the transfer.
    upload_id: the multi-part upload to continue; None the first time, "" when its id was never written down.
    on_upload_id: told the id before the first part is sent, so that it is on disk by then; None when there is none.
    """

    on_bytes: OnBytes | None = None
    upload_id: str | None = None
    on_upload_id: Callable[[str | None], None] | None = None


NEW_TRANSFER = Transfer()


class Storage(Protocol):
    """A place for objects, addressed by URI. Every method raises `StorageError`."""

    def check(self, destination: str) -> None:
        """Refuse (`InvalidInput`) a destination that the configuration does not allow. Touches no network."""

    def check_source(self, uri: str) -> None:
        """Refuse (`InvalidInput`) an input that the configuration does not allow. Touches no network."""

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

        It takes the open file, not its path, so that what is stored is what was checked.
        """

    def abandon(self, uri: str) -> None:
        """Drop what unfinished uploads have left in storage for this address."""

    def stat(self, uri: str) -> StoredObject | None:
        """The object at this address, or None. A folder is not an object."""

    def list(self, prefix: str) -> Sequence[tuple[StoredObject, float]]:
        """All whole objects in a folder and the folders below it, ordered by address.

        Each comes with its time of change (seconds since the epoch). The slash at the end of `prefix` may be missing.
        """

    def presign(self, uri: str, *, expires_s: int, version: str = "") -> str:
        """A URL with which anyone can read exactly this object until it expires."""
