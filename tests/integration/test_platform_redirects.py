"""The Hasura adapter follows no redirect: its credential reaches the configured address and no other."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from openjd_vstitcher.config import PlatformConfig
from openjd_vstitcher.errors import PlatformError
from openjd_vstitcher.platform.hasura.connection import Connection
from openjd_vstitcher.platform.hasura.live_query import LiveQuery
from openjd_vstitcher.platform.hasura.queries import requests

SECRET = "a-secret-for-one-address"


@dataclasses.dataclass
class Place:
    """A server that writes down every request's head, and redirects if it has a target."""

    port: int
    heard: list[str]
    arrived: threading.Event


@pytest.fixture
def elsewhere() -> Iterator[Place]:
    yield from serve(None, 0)


@pytest.fixture(params=[302, 307])
def moved(request: pytest.FixtureRequest, elsewhere: Place) -> Iterator[Place]:
    yield from serve(elsewhere.port, request.param)


def serve(target: int | None, status: int) -> Iterator[Place]:
    heard: list[str] = []
    arrived = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            heard.append(str(self.headers) + self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
            arrived.set()
            if target is None:
                self.send_error(404)
                return
            self.send_response(status)
            scheme = "ws" if "Upgrade" in self.headers else "http"
            self.send_header("Location", f"{scheme}://localhost:{target}/v1/graphql")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET  # noqa: N815  (the name that the base class calls)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Place(server.server_port, heard, arrived)
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(params=["admin-secret", "jwt"])
def connection(request: pytest.FixtureRequest, moved: Place, tmp_path: Path) -> Iterator[Connection]:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    endpoint = f"http://127.0.0.1:{moved.port}/v1/graphql"
    made = Connection(
        PlatformConfig(kind="hasura", endpoint=endpoint, auth=request.param, credential_file=secret, retry_limit_s=5.0)
    )
    yield made
    made.close()


def test_a_redirected_request_takes_its_credential_nowhere(
    connection: Connection, moved: Place, elsewhere: Place
) -> None:
    with pytest.raises(PlatformError, match=rf"answered 30.: a redirect to localhost:{elsewhere.port}") as failed:
        connection.execute(requests("legacy")["Presets"])
    assert not failed.value.transient
    assert len(moved.heard) == 1
    assert SECRET in moved.heard[0]
    assert elsewhere.heard == []


def test_a_redirected_subscription_is_not_opened_elsewhere(
    connection: Connection, moved: Place, elsewhere: Place
) -> None:
    subscription = requests("legacy")["Waiting"]
    live = LiveQuery(connection, subscription, {"where": {}}, root="platform_job", poll_s=60, subject="new jobs")
    assert moved.arrived.wait(10)
    assert not elsewhere.arrived.wait(0.5)
    live.stop()
