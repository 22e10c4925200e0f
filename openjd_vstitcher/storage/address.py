"""Addresses of objects: parsing, joining, and which of them a configuration allows. Uses no disk and no network."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from ..errors import InvalidInput, Problem
from ..names import BUCKET_NAME


def split_s3(uri: str) -> tuple[str, str]:
    """Bucket and key of an `s3://` address. The key is not decoded: `%20` stays `%20`.

    Raises
    ------
    InvalidInput: it is not an `s3://` address, or its key has a `.` or `..` part or a control character.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not BUCKET_NAME.fullmatch(bucket):
        raise refused(f"{uri!r} is not an s3://bucket/key address")
    if any(part in (".", "..") for part in key.split("/")) or re.search(r"[\x00-\x1f\x7f]", key):
        raise refused(f"the key of {uri!r} has a '.' or '..' part or a control character")
    return bucket, key


def local_path(uri: str) -> Path:
    """The path that a `file://` address or a plain absolute path names.

    Raises
    ------
    InvalidInput: it names another host, is not absolute, or contains `..`.
    """
    if uri.startswith("file:"):
        try:
            parts = urlsplit(uri)
        except ValueError as error:
            raise refused(f"{uri!r} is not a valid address; expected file:///path") from error
        if parts.netloc not in ("", "localhost"):
            raise refused(f"{uri!r} names a host; expected file:///path")
        path = Path(url2pathname(parts.path) if os.name == "nt" else unquote(parts.path))
    else:
        path = Path(uri).expanduser()
    if not path.is_absolute() or ".." in path.parts or "\x00" in str(path):
        raise refused(f"{uri!r} is not an absolute path without '..'")
    return path


def is_s3(uri: str) -> bool:
    """Whether it is an `s3://` address."""
    return uri.startswith("s3://")


def is_folder(uri: str) -> bool:
    """Whether it is the address of a folder: some tools store an empty object there, so that the folder shows up."""
    return uri.endswith("/")


def is_https(uri: str) -> bool:
    """Whether it is an `https://` or `http://` address."""
    return uri.startswith(("https://", "http://"))


def is_remote(uri: str) -> bool:
    """Whether it is not an address on this machine."""
    return is_s3(uri) or is_https(uri)


def join(prefix: str, *parts: str) -> str:
    """A prefix and further parts, with one slash between them.

    Raises
    ------
    InvalidInput: a part is empty, absolute, or contains `.` or `..`.
    """
    for part in parts:
        pure = PurePosixPath(part)
        if not part or pure.is_absolute() or any(p in ("", ".", "..") for p in part.split("/")):
            raise refused(f"{part!r} is not a name below {prefix!r}")
    if prefix.startswith("file:"):
        return local_path(prefix).joinpath(*parts).as_uri()
    if is_s3(prefix):
        return "/".join([prefix.rstrip("/"), *parts])
    return str(local_path(prefix).joinpath(*parts))


def file_name(uri: str) -> str:
    """The last part of an address, decoded where the scheme encodes."""
    if not is_https(uri) and not uri.startswith("file:"):
        return uri.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    path = re.split("[?#]", uri, maxsplit=1)[0].partition(":")[2].removeprefix("//").partition("/")[2]
    return unquote(path.rstrip("/").rsplit("/", 1)[-1])


def within(uri: str, prefixes: Sequence[str]) -> bool:
    """Whether an address lies under one of the prefixes; a prefix ends at a `/`, so `s3://a` does not allow `s3://ab`."""
    return any(_under(uri, prefix) for prefix in prefixes)


def check_within(uri: str, prefixes: Sequence[str], key: str) -> None:
    """Accept only an `s3://` address under one of the prefixes.

    Parameters
    ----------
    key: the configuration key that holds the prefixes, for the message.

    Raises
    ------
    InvalidInput: it is not one.
    """
    split_s3(uri)
    if not within(uri, prefixes):
        raise not_allowed(uri, key)


def not_allowed(uri: str, key: str) -> InvalidInput:
    """The error for an address that the configuration does not allow."""
    return refused(f"{uri!r} is not among the addresses that {key} allows")


def refused(message: str) -> InvalidInput:
    """The error for an address that cannot be used."""
    return InvalidInput("storage address", [Problem("", message)])


def _under(uri: str, prefix: str) -> bool:
    if is_remote(uri):
        base = prefix.rstrip("/")
        return uri == base or uri.startswith(base + "/")
    if is_remote(prefix):
        return False
    return local_path(uri).is_relative_to(local_path(prefix))
