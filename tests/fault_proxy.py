"""An HTTP proxy before a storage server that fails at random: the bad network of the tests."""

from __future__ import annotations

import http.client
import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

FAULTS = ("refuse", "slow_down", "delay", "close", "cut_request", "corrupt", "lose_answer", "cut_answer")
_CHUNK = 1 << 16


class FaultProxy(ThreadingHTTPServer):
    """Passes requests on, except for a share of them.

    Parameters
    ----------
    rate: the share of requests that meet a fault: answered 503 or SlowDown, delayed, closed before they are passed on,
        passed on in part or with a changed byte, passed on but never answered, or answered in part.
    faults: which of these.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, target: str, rate: float, seed: int, faults: Sequence[str] = FAULTS) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        parts = urlsplit(target)
        self.target = (str(parts.hostname), int(parts.port or 80))
        self.rate = rate
        self.faults = faults
        self.met: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def draw(self) -> tuple[str, float]:
        """The fault of the next request ("" for none), and a random number for it."""
        with self._lock:
            fault = self._random.choice(self.faults) if self._random.random() < self.rate else ""
            self.met[fault] += 1
            return fault, self._random.random()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is part of the game."""


class _Handler(BaseHTTPRequestHandler):
    server: FaultProxy
    protocol_version = "HTTP/1.1"

    def _pass_on(self) -> None:
        fault, chance = self.server.draw()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if fault in ("refuse", "slow_down"):
            code = "ServiceUnavailable" if fault == "refuse" else "SlowDown"
            self._answer(503, [], f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())
            return
        if fault == "close":
            self.close_connection = True
            return
        if fault == "delay":
            threading.Event().wait(0.5 * chance)
        if fault == "corrupt" and body:
            place = int(len(body) * chance)
            body = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        connection = http.client.HTTPConnection(*self.server.target, timeout=60)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("expect", "connection"):
                    connection.putheader(name, value)
            if fault == "cut_request":
                connection.endheaders(body[: int(len(body) * chance)])
                self.close_connection = True
                return
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if fault == "lose_answer":
            self.close_connection = True
            return
        cut = int(len(content) * chance) if fault == "cut_answer" else None
        self._answer(answer.status, answer.getheaders(), content, cut)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass_on  # noqa: N815

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes, cut: int | None = None) -> None:
        self.send_response_only(status)
        lengths = [value for name, value in headers if name.lower() == "content-length"]
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        head = self.command == "HEAD"
        self.send_header("Content-Length", lengths[0] if head and lengths else str(len(content)))
        self.end_headers()
        if not head:
            self.wfile.write(content if cut is None else content[:cut])
        if cut is not None:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def fault_proxy(target: str, *, rate: float, seed: int, faults: Sequence[str] = FAULTS) -> Iterator[FaultProxy]:
    """A proxy that runs."""
    with FaultProxy(target, rate, seed, faults) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
