"""An HTTP server of inputs that behaves badly on request."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from openjd_vstitcher.storage.inputs.manifest import InputEntry

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class InputServer(ThreadingHTTPServer):
    """Answers every path with `CONTENT`.

    `cut_after` and `statuses` are used up by the next answers: where a body breaks off, and errors. `/redirect?URL`,
    `/endless`, `/endless?chunked`, `/drip?head`, `/drip?body` and `/drip?open` do what they say.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, str | None]] = []
        self.cut_after: list[int] = []
        self.statuses: list[int] = []
        self.redirect_status = 302
        self.headers: list[dict[str, str]] = []
        self.over = threading.Event()

    @property
    def host(self) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: InputServer

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.requests.append((self.path, asked))
        self.server.headers.append(dict(self.headers))
        if self.path.startswith("/redirect?"):
            self.send_response(self.server.redirect_status)
            self.send_header("Location", self.path.partition("?")[2])
            self.end_headers()
            return
        if self.server.statuses:
            self.send_error(self.server.statuses.pop(0))
            return
        if self.path.startswith("/endless"):
            self._endless(chunked="chunked" in self.path)
            return
        if self.path.startswith("/drip"):
            self._drip(self.path.partition("?")[2])
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        body = CONTENT[start:]
        self.send_response(206 if asked else 200)
        announced = self.path.partition("?length=")[2]
        self.send_header("Content-Length", announced or str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.cut_after.pop(0)] if self.server.cut_after else body)

    def _endless(self, *, chunked: bool) -> None:
        """A body without end: in chunks, or until the client has enough."""
        self.protocol_version = "HTTP/1.1"
        self.send_response(200)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        part = bytes(1 << 16)
        with suppress(OSError):
            while not self.server.over.is_set():
                self.wfile.write(b"10000\r\n" + part + b"\r\n" if chunked else part)

    def _drip(self, what: str) -> None:
        """An answer that never stands still and never ends; its body is of a known or of an open length."""
        if what != "head":
            self.send_response(200)
            if what == "body":
                self.send_header("Content-Length", "1000000")
            self.end_headers()
        with suppress(OSError):
            while not self.server.over.wait(0.05):
                self.wfile.write(b"x")
                self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def running_input_server() -> Iterator[InputServer]:
    """Start a server on a free port, and end it."""
    with InputServer() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def server() -> Iterator[InputServer]:
    with running_input_server() as running:
        yield running


def entry_of(url: str, **changes: Any) -> InputEntry:
    """A pinned entry with this URL."""
    return InputEntry("garment", "tee.bw", url, **{"version": "v1", "source_uri": "s3://b/tee.bw", **changes})
