"""Objects in storage, and how they are stored. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class StoredObject:
    """A complete object in storage.

    Parameters
    ----------
    uri: its full address (`s3://bucket/key`, `file:///path`).
    size_bytes: its size as the storage reports it.
    sha256: lower-case hexadecimal digest of its bytes, None if the storage does not know it.
    version: identifies exactly these bytes: an S3 version id or ETag, "" if there is none.
    etag: identifies the object's state for a conditional write, "" if the storage has none.
    """

    uri: str
    size_bytes: int
    sha256: str | None = None
    version: str = ""
    etag: str = ""


@dataclass(frozen=True)
class PutOptions:
    """How an object is stored.

    Parameters
    ----------
    content_type: its media type.
    metadata: short texts stored with it (sha256, job, attempt).
    public: make it readable without credentials, if the storage is configured to allow that.
    """

    content_type: str = "application/octet-stream"
    metadata: Mapping[str, str] = field(default_factory=dict)
    public: bool = False
