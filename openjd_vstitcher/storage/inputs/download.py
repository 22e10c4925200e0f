"""Fetches one input: https (resumed, verified, from public hosts only unless allowed) or a file on this machine."""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import shutil
import socket
import ssl
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from ...errors import InvalidInput, Problem, StorageError
from ...files import move_into_place, part_path, remove_if_there
from ...retry import Backoff
from ..address import local_path
from .cache import Cache
from .manifest import InputEntry

_CHUNK_BYTES = 1 << 20
_LIMIT_S = 60.0
_REDIRECTS = 5
_TRIES = 6
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class Fetched:
    """An input on this machine, complete and verified."""

    path: Path
    size_bytes: int
    sha256: str


def fetch(
    entry: InputEntry, target: Path, *, allow_private_hosts: Collection[str] = (), cache: Cache | None = None
) -> Fetched:
    """Fetch an input to a path.

    Parameters
    ----------
    target: where it goes; missing directories are created. It appears whole or not at all.
    allow_private_hosts: hosts (`name` or `name:port`) that may be private or use plain http.
    cache: looked in first, and given what is fetched; files on this machine are not cached.

    Raises
    ------
    InvalidInput: the address may not be read, or its bytes are not those of the manifest.
    StorageError: it could not be fetched.
    """
    partial = Path(part_path(target))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        cached = None
        if entry.url.startswith("file:"):
            shutil.copyfile(local_path(entry.url), partial)
        else:
            cached = cache.copy(entry, partial) if cache is not None else None
            if cached is None:
                _download(entry, partial, frozenset(allow_private_hosts))
        size, sha256 = partial.stat().st_size, cached or _sha256(partial)
        _check(entry, size, sha256)
        if cache is not None and cached is None and not entry.url.startswith("file:"):
            cache.keep(entry, partial, sha256)
        move_into_place(partial, target, durable=False)
    except OSError as error:
        raise StorageError(f"cannot fetch {_shown(entry)}: {_reason(error)}", transient=False) from error
    finally:
        remove_if_there(partial)
    return Fetched(target, size, sha256)


def _check(entry: InputEntry, size: int, sha256: str) -> None:
    if entry.size_bytes is not None and size != entry.size_bytes:
        raise _changed(entry, f"it has {size} bytes instead of {entry.size_bytes}")
    if entry.sha256 and sha256 != entry.sha256:
        raise _changed(entry, f"its SHA-256 is {sha256} instead of {entry.sha256}")


def _download(entry: InputEntry, partial: Path, allowed: Collection[str]) -> None:
    pauses = islice(Backoff(first_s=0.4, longest_s=6.4), _TRIES - 1)
    while True:
        try:
            _continue(entry, partial, allowed)
        except (OSError, http.client.HTTPException, _Again) as error:
            untrusted = isinstance(error, ssl.SSLCertVerificationError)
            pause_s = None if untrusted else next(pauses, None)
            if pause_s is None:
                raise StorageError(
                    f"cannot fetch {_shown(entry)}: {_reason(error)}", transient=not untrusted
                ) from error
        else:
            return
        time.sleep(pause_s)


def _continue(entry: InputEntry, partial: Path, allowed: Collection[str]) -> None:
    have = partial.stat().st_size if partial.exists() else 0
    if entry.size_bytes is not None and have >= entry.size_bytes > 0:
        return
    headers = {**entry.headers, "Accept-Encoding": "identity"}
    pinned = bool(entry.sha256 or entry.version or "If-Match" in entry.headers)
    if have and pinned:
        headers["Range"] = f"bytes={have}-"
    connection, response = _open(entry, headers, allowed)
    try:
        if response.status == 416 and "Range" in headers:
            return
        if response.status not in (200, 206):
            _refuse(entry, response)
        mode = "ab" if response.status == 206 and have and pinned else "wb"
        with partial.open(mode) as file:
            while chunk := response.read(_CHUNK_BYTES):
                file.write(chunk)
        if response.length:
            raise _Again(f"the connection ended {response.length} bytes too early")
    finally:
        connection.close()


def _refuse(entry: InputEntry, response: http.client.HTTPResponse) -> None:
    if response.status in _TRANSIENT:
        raise _Again(f"the server answered {response.status}")
    if response.status == 412:
        raise _changed(entry, "it was replaced after the job was prepared")
    if response.status == 404:
        raise InvalidInput("inputs manifest", [Problem("", f"{_shown(entry)} does not exist")])
    raise StorageError(f"cannot fetch {_shown(entry)}: the server answered {response.status}", transient=False)


def _open(
    entry: InputEntry, headers: Mapping[str, str], allowed: Collection[str]
) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    url = entry.url
    for _ in range(_REDIRECTS + 1):
        parts = urlsplit(url)
        connection = _connection(entry, parts, allowed)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("GET", target, headers=dict(headers))
            response = connection.getresponse()
        except BaseException:
            connection.close()
            raise
        location = response.getheader("Location")
        if response.status not in (301, 302, 303, 307, 308) or not location:
            return connection, response
        connection.close()
        following = urljoin(url, location)
        if urlsplit(following).scheme != parts.scheme:
            raise _forbidden(entry, "redirects to another scheme")
        url = following
    raise _forbidden(entry, f"redirects more than {_REDIRECTS} times")


def _connection(entry: InputEntry, parts: SplitResult, allowed: Collection[str]) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    trusted = host in allowed or f"{host}:{port}" in allowed
    if parts.scheme not in ("https", "http") or (parts.scheme == "http" and not trusted):
        raise _forbidden(entry, "is not https")
    address = _address(entry, host, port, trusted)
    if parts.scheme == "http":
        return _Http(host, port, timeout=_LIMIT_S, address=address)
    return _Https(host, port, timeout=_LIMIT_S, address=address)


def _address(entry: InputEntry, host: str, port: int, trusted: bool) -> tuple[str, int]:
    """The address to connect to. The name is resolved once, so that the address that was checked is the one used."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for *_, address in found:
        ip = ipaddress.ip_address(str(address[0]).partition("%")[0])
        mapped = getattr(ip, "ipv4_mapped", None) or ip
        if not trusted and (not mapped.is_global or mapped.is_multicast):
            raise _forbidden(entry, "leads to a private address; storage.allow_private_hosts can allow it")
    return str(found[0][4][0]), port


class _Http(http.client.HTTPConnection):
    def __init__(self, host: str, port: int, *, timeout: float, address: tuple[str, int]) -> None:
        super().__init__(host, port, timeout=timeout)
        self._address = address

    def connect(self) -> None:
        self.sock = socket.create_connection(self._address, self.timeout)


class _Https(_Http):
    default_port = http.client.HTTPS_PORT

    def connect(self) -> None:
        super().connect()
        context: Any = ssl.create_default_context()
        self.sock = context.wrap_socket(self.sock, server_hostname=self.host)


class _Again(Exception):
    """A transient failure: worth another try."""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _shown(entry: InputEntry) -> str:
    return entry.source_uri or entry.url.partition("?")[0]


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _changed(entry: InputEntry, message: str) -> InvalidInput:
    return InvalidInput(
        "inputs manifest", [Problem("", f"{_shown(entry)} is not what the job was prepared with: {message}")]
    )


def _forbidden(entry: InputEntry, message: str) -> InvalidInput:
    return InvalidInput("inputs manifest", [Problem("", f"{_shown(entry)} {message}")])
