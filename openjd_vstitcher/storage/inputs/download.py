"""Fetches one input within limits: https (resumed, verified, from public hosts only unless allowed) or a local file."""

from __future__ import annotations

import errno
import http.client
import os
import re
import ssl
import stat
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urljoin

from ...config import InputsConfig
from ...errors import InvalidInput, Problem, StorageError
from ...files import READ_UNTRUSTED, is_machine_fault, move_into_place, part_path, remove_if_there, sha256_of
from ...retry import Backoff
from ..address import local_path
from .cache import Cache
from .connection import Forbidden, Patience, TooSlow, get
from .hosts import HttpAddress, parse_url, refusal
from .limits import Allowance, Sink
from .manifest import InputEntry

_CHUNK_BYTES = 1 << 20
_REDIRECTS = 5
_TRIES = 6
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
_REFUSED = {401, 403}


@dataclass(frozen=True)
class Fetched:
    """An input on this machine, complete and verified."""

    path: Path
    size_bytes: int
    sha256: str


def fetch(
    entry: InputEntry,
    target: Path,
    *,
    allow_private_hosts: Collection[str] = (),
    cache: Cache | None = None,
    allowance: Allowance | None = None,
) -> Fetched:
    """Fetch an input to a path.

    Parameters
    ----------
    target: where it goes; missing directories are created. It appears whole or not at all.
    allow_private_hosts: hosts (`name` or `name:port`) that may be private or use plain http.
    cache: looked in first, and given what is fetched; files on this machine are not cached.
    allowance: what the inputs of the job may still take; by default the limits count for this input alone.

    Raises
    ------
    InvalidInput: the address may not be read, is too large, or its bytes are not those of the manifest.
    StorageError: it could not be fetched; transient if this machine or its own storage is to blame. A host that only
        the job names may be gone for good.
    """
    partial = Path(part_path(target))
    download = _Download(entry, allow_private_hosts, allowance or Allowance(InputsConfig()), partial)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        cached = None
        if entry.url.startswith("file:"):
            _copy_file(entry, download.sink)
        else:
            cached = cache.copy(entry, partial) if cache is not None else None
            if cached is None:
                download.run()
            else:
                download.sink.count(partial.stat().st_size)
        size, sha256 = partial.stat().st_size, cached or sha256_of(partial)
        _check(entry, size, sha256)
        if cache is not None and cached is None and not entry.url.startswith("file:"):
            cache.keep(entry, partial, sha256)
        move_into_place(partial, target, durable=False)
    except OSError as error:
        raise StorageError(
            f"cannot fetch {_shown(entry)}: {_reason(error)}", transient=is_machine_fault(error)
        ) from error
    finally:
        remove_if_there(partial)
    return Fetched(target, size, sha256)


def _copy_file(entry: InputEntry, sink: Sink) -> None:
    with _regular_file(entry) as file, sink.open():
        while chunk := file.read(_CHUNK_BYTES):
            sink.write(chunk)


@contextmanager
def _regular_file(entry: InputEntry) -> Iterator[BinaryIO]:
    """The file of an entry, opened without waiting for the other end of a pipe and without following a link."""
    path = local_path(entry.url)
    try:
        descriptor = os.open(path, READ_UNTRUSTED)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO) or path.is_dir():
            raise _forbidden(entry, "is not a regular file") from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _forbidden(entry, "is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        yield file


def _check(entry: InputEntry, size: int, sha256: str) -> None:
    if entry.size_bytes is not None and size != entry.size_bytes:
        raise _changed(entry, f"it has {size} bytes instead of {entry.size_bytes}")
    if entry.sha256 and sha256 != entry.sha256:
        raise _changed(entry, f"its SHA-256 is {sha256} instead of {entry.sha256}")


class _Download:
    """The download of one entry, with retries."""

    def __init__(self, entry: InputEntry, allowed: Collection[str], allowance: Allowance, partial: Path) -> None:
        self._entry = entry
        self._allowed = frozenset(allowed)
        self._limits = allowance.config
        self.sink = Sink(partial, _shown(entry), entry.size_bytes, allowance)
        self._patience = Patience(time.monotonic() + self._limits.timeout_s, self._limits.idle_timeout_s)

    def run(self) -> None:
        """Download into the sink; the errors of `fetch`."""
        pauses = islice(Backoff(first_s=0.4, longest_s=6.4), _TRIES - 1)
        while True:
            try:
                return self._continue()
            except TooSlow as error:
                raise self._failed(f"it takes longer than inputs.timeout_s ({self._limits.timeout_s:g} s)") from error
            except Forbidden as error:
                raise _forbidden(self._entry, str(error)) from error
            except (OSError, http.client.HTTPException, _Again) as error:
                untrusted = isinstance(error, ssl.SSLCertVerificationError)
                pause_s = None if untrusted else next(pauses, None)
                if pause_s is None:
                    ours = bool(self._entry.signed_for) and not untrusted
                    raise self._failed(_reason(error), transient=ours) from error
            time.sleep(pause_s)

    def _failed(self, reason: str, *, transient: bool = False) -> StorageError:
        return StorageError(f"cannot fetch {_shown(self._entry)}: {reason}", transient=transient)

    def _continue(self) -> None:
        entry, have = self._entry, self.sink.size
        if entry.size_bytes is not None and have >= entry.size_bytes > 0:
            return
        pinned = bool(entry.sha256 or entry.version or "If-Match" in entry.headers)
        ranged = {"Range": f"bytes={have}-"} if have and pinned else {}
        with self._following(ranged) as response:
            if response.status == 416 and ranged:
                return
            if response.status not in (200, 206):
                self._refuse(response)
            append = response.status == 206 and bool(ranged)
            self._receive(response, append=append)

    def _receive(self, response: http.client.HTTPResponse, *, append: bool) -> None:
        with self.sink.open(append=append) as sink:
            sink.check_size(sink.size + (response.length or 0))
            while chunk := response.read(_CHUNK_BYTES):
                sink.write(chunk)
        if response.length:
            raise _Again(f"the connection ended {response.length} bytes too early")

    def _refuse(self, response: http.client.HTTPResponse) -> None:
        if response.status in _TRANSIENT:
            raise _Again(f"the server answered {response.status}")
        if response.status == 412:
            raise _changed(self._entry, "it was replaced after the job was prepared")
        if response.status == 404:
            raise InvalidInput("inputs manifest", [Problem("", f"{_shown(self._entry)} does not exist")])
        expired = response.status in _REFUSED and bool(self._entry.signed_for)
        raise self._failed(f"the server answered {response.status}", transient=expired)

    @contextmanager
    def _following(self, ranged: dict[str, str]) -> Iterator[http.client.HTTPResponse]:
        """The answer after redirects. Another host gets none of the entry's headers."""
        entry, url = self._entry, self._entry.url
        first = address = self._parsed(url)
        for _ in range(_REDIRECTS + 1):
            own = entry.headers if address.netloc == first.netloc else {}
            headers = {**own, **ranged, "Accept-Encoding": "identity"}
            private = self._may_be_private(address)
            with get(address, headers, private=private, patience=self._patience) as response:
                location = response.getheader("Location")
                if response.status not in (301, 302, 303, 307, 308) or not location:
                    yield response
                    return
            url, address = self._redirected(url, location, address)
        raise Forbidden(f"redirects more than {_REDIRECTS} times")

    def _may_be_private(self, address: HttpAddress) -> bool:
        if self._entry.signed_for == address.netloc:
            return True
        if reason := refusal(address, self._allowed):
            raise Forbidden(reason)
        return address.is_among(self._allowed)

    def _redirected(self, url: str, location: str, before: HttpAddress) -> tuple[str, HttpAddress]:
        try:
            following = urljoin(url, location)
            address = parse_url(following)
        except ValueError as error:
            raise Forbidden("redirects to another scheme, or to an invalid URL") from error
        if address.scheme != before.scheme:
            raise Forbidden("redirects to another scheme, or to an invalid URL")
        prefixes = self._entry.redirect_to
        if prefixes is not None and not address.is_under(prefixes):
            raise Forbidden("redirects to an address that inputs.read_from does not allow")
        return following, address

    def _parsed(self, url: str) -> HttpAddress:
        try:
            return parse_url(url)
        except ValueError as error:
            raise Forbidden(str(error)) from error


class _Again(Exception):
    """A transient failure: worth another try."""


def _shown(entry: InputEntry) -> str:
    return entry.source_uri or re.sub(r"//[^/]*@", "//", entry.url.partition("?")[0])


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
