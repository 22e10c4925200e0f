"""The tables of the storage that outputs go to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .keys import PLAIN, URL, WRITE_PREFIX, Check, at_least, between, key, matching, one_of, table

_SMALLEST_PART_BYTES = 5 << 20
_TAG_NAME = matching(r"[^\x00-\x1f\x7f]{1,128}", "a tag name of 1 to 128 characters")
_TAG_VALUE = matching(r"[^\x00-\x1f\x7f]{0,256}", "a tag value of at most 256 characters")


@dataclass(frozen=True)
class LocalStorageConfig:
    """`[storage.local]`."""

    root: Path = key(
        Path("~/.local/share/openjd-vstitcher/storage"),
        "The directory in which s3://bucket/key is the file bucket/key.",
    )


@dataclass(frozen=True)
class S3StorageConfig:
    """`[storage.s3]`."""

    endpoint_url: str = key("", "The server; empty: AWS.", URL, example='"https://s3.example.com"')
    region: str = key("", "The region; empty: as the AWS configuration says.", matching(r"[\w-]+", "a region name"))
    profile: str = key(
        "", "The profile of the AWS credentials file. Access keys never belong in this file.", PLAIN, example='"render"'
    )
    path_style: bool = key(False, "Address buckets as endpoint/bucket; many servers other than AWS need it.")
    sse: str = key("", "Server-side encryption; empty: the bucket's default.", one_of("AES256", "aws:kms"))
    sse_kms_key_id: str = key("", "The KMS key, with sse = aws:kms.", PLAIN)
    storage_class: str = key(
        "", "The storage class; empty: the bucket's default.", matching(r"[A-Z0-9_]+", "a name such as STANDARD_IA")
    )
    tags: dict[str, str] = key(
        {},
        "Tags that every object gets.",
        Check("at most 10 tags", lambda value: len(value) <= 10),
        each=_TAG_VALUE,
        names=_TAG_NAME,
        example='team = "3d"',
    )
    public_acl: bool = key(False, "Give public facing outputs the ACL public-read, where no bucket policy does.")
    content_disposition: str = key(
        "", "Content-Disposition of the objects, with the output's name.", one_of("inline", "attachment")
    )
    part_bytes: int = key(
        8 << 20,
        "Part size of multi-part uploads; smaller files are sent in one request.",
        between(_SMALLEST_PART_BYTES, 5 << 30),
    )
    bytes_in_flight: int = key(
        64 << 20,
        "How many bytes of parts are held in memory and sent at the same time.",
        at_least(_SMALLEST_PART_BYTES),
    )


@dataclass(frozen=True)
class StorageConfig:
    """`[storage]`."""

    kind: str = key("local", "A directory of this machine, or S3.", one_of("local", "s3"))
    write_to: tuple[str, ...] = key(
        (),
        "URI prefixes that outputs may go to. Empty: any s3:// address for local, none for s3.",
        each=WRITE_PREFIX,
        example='["s3://style-assets/exports/"]',
    )
    bandwidth_limit: int = key(0, "The most bytes per second of all uploads together; 0: no limit.", at_least(0))
    local: LocalStorageConfig = table(LocalStorageConfig, "Storage of kind local.")
    s3: S3StorageConfig = table(S3StorageConfig, "Storage of kind s3.")
