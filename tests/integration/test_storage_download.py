"""Fetching inputs from an HTTP server that behaves badly, and from addresses that may not be read."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.errors import InvalidInput, StorageError
from openjd_vstitcher.storage.inputs.cache import Cache
from openjd_vstitcher.storage.inputs.download import fetch
from openjd_vstitcher.storage.inputs.manifest import InputEntry

_CONTENT = bytes(range(256)) * 4000
_SHA256 = hashlib.sha256(_CONTENT).hexdigest()


class _Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, str | None]] = []
        self.cut_after: list[int] = []
        self.statuses: list[int] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.requests.append((self.path, asked))
        if self.path.startswith("/redirect?"):
            self.send_response(302)
            self.send_header("Location", self.path.partition("?")[2])
            self.end_headers()
            return
        if self.server.statuses:
            self.send_error(self.server.statuses.pop(0))
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        body = _CONTENT[start:]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.cut_after.pop(0)] if self.server.cut_after else body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _entry(url: str, **changes: Any) -> InputEntry:
    return InputEntry("garment", "tee.bw", url, **{"version": "v1", "source_uri": "s3://b/tee.bw", **changes})


def test_download_that_breaks_off_goes_on_where_it_was(server: _Server, tmp_path: Path) -> None:
    server.cut_after = [300_000, 200_000]
    entry = _entry(f"http://{server.host}/tee.bw", sha256=_SHA256, size_bytes=len(_CONTENT))
    fetched = fetch(entry, tmp_path / "tee.bw", allow_private_hosts=[server.host])
    assert (fetched.sha256, (tmp_path / "tee.bw").read_bytes()) == (_SHA256, _CONTENT)
    assert [asked for _, asked in server.requests] == [None, "bytes=300000-", "bytes=500000-"]
    assert [path.name for path in tmp_path.iterdir()] == ["tee.bw"]


def test_input_without_a_pin_is_fetched_from_its_beginning_again(server: _Server, tmp_path: Path) -> None:
    server.cut_after = [300_000]
    entry = _entry(f"http://{server.host}/tee.bw", version="")
    assert fetch(entry, tmp_path / "tee.bw", allow_private_hosts=[server.host]).sha256 == _SHA256
    assert [asked for _, asked in server.requests] == [None, None]


def test_passing_answers_are_tried_again(server: _Server, tmp_path: Path) -> None:
    server.statuses = [503, 429]
    entry = _entry(f"http://{server.host}/tee.bw")
    assert fetch(entry, tmp_path / "tee.bw", allow_private_hosts=[server.host]).sha256 == _SHA256


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [(403, StorageError, "answered 403"), (404, InvalidInput, "does not exist"), (412, InvalidInput, "was replaced")],
)
def test_lasting_answers_are_errors_without_the_signature(
    server: _Server, tmp_path: Path, status: int, error: type[Exception], message: str
) -> None:
    server.statuses = [status]
    entry = _entry(f"http://{server.host}/tee.bw?X-Amz-Signature=canary")
    with pytest.raises(error, match=message) as caught:
        fetch(entry, tmp_path / "tee.bw", allow_private_hosts=[server.host])
    assert "canary" not in str(caught.value)


def test_other_bytes_than_the_manifest_says_are_refused(server: _Server, tmp_path: Path) -> None:
    entry = _entry(f"http://{server.host}/tee.bw", sha256="0" * 64)
    with pytest.raises(InvalidInput, match="its SHA-256 is"):
        fetch(entry, tmp_path / "tee.bw", allow_private_hosts=[server.host])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://example.com/tee.bw", "is not https"),
        ("https://127.0.0.1/tee.bw", "private address"),
        ("https://169.254.169.254/latest/meta-data", "private address"),
        ("https://[::1]/tee.bw", "private address"),
        ("https://[::ffff:10.0.0.1]/tee.bw", "private address"),
        ("https://10.0.0.1/tee.bw", "private address"),
        ("https://localhost/tee.bw", "private address"),
    ],
)
def test_private_addresses_and_plain_http_are_refused(tmp_path: Path, url: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        fetch(_entry(url), tmp_path / "tee.bw")


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("file:///etc/passwd", "redirects to another scheme"),
        ("https://example.com/x", "redirects to another scheme"),
        ("http://10.0.0.1/x", "is not https"),
        ("/redirect?/redirect?/x", None),
    ],
)
def test_redirect_leads_nowhere_that_the_first_address_could_not(
    server: _Server, tmp_path: Path, location: str, message: str | None
) -> None:
    entry = _entry(f"http://{server.host}/redirect?{location}")
    if message is None:
        assert fetch(entry, tmp_path / "tee.bw", allow_private_hosts=[server.host]).sha256 == _SHA256
        return
    with pytest.raises(InvalidInput, match=message):
        fetch(entry, tmp_path / "tee.bw", allow_private_hosts=[server.host])


def test_endless_redirects_end(server: _Server, tmp_path: Path) -> None:
    loop = "/redirect?" * 10 + "/x"
    with pytest.raises(InvalidInput, match="redirects more than 5 times"):
        fetch(_entry(f"http://{server.host}{loop}"), tmp_path / "x", allow_private_hosts=[server.host])


def test_second_job_takes_an_input_from_the_cache(server: _Server, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 1 << 30)
    entry = _entry(f"http://{server.host}/tee.bw", size_bytes=len(_CONTENT))
    for name in ("one", "two"):
        fetched = fetch(entry, tmp_path / name, allow_private_hosts=[server.host], cache=cache)
        assert fetched.path.read_bytes() == _CONTENT
    assert len(server.requests) == 1


def test_concurrent_jobs_share_the_cache_safely(server: _Server, tmp_path: Path) -> None:
    entries = [_entry(f"http://{server.host}/{n % 3}", source_uri=f"s3://b/{n % 3}") for n in range(12)]
    caches = [Cache(tmp_path / "cache", 2 * len(_CONTENT)) for _ in entries]
    sums: list[str] = []

    def bring(number: int) -> None:
        target = tmp_path / f"job{number}"
        sums.append(fetch(entries[number], target, allow_private_hosts=[server.host], cache=caches[number]).sha256)

    threads = [threading.Thread(target=bring, args=[number]) for number in range(len(entries))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sums == [_SHA256] * len(entries)
