"""The Hasura test server as a process, and databases for it: for fixtures, and for tests that kill and restart it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

_READY_S = 30.0
_ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def temporary_database(server: str, template: str = "template1") -> Iterator[str]:
    """A new database on `server` (a connection string), a copy of `template`; dropped at the end, whoever is in it."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield make_conninfo(server, dbname=name)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


class HasuraServer:
    """A Hasura test server in a process of its own, which can be killed and started again on the same port."""

    def __init__(self, database_url: str, metadata: Path | None, **options: Any) -> None:
        self._command = [sys.executable, "-m", "tests.hasura", "--database-url", database_url]
        if metadata is not None:
            self._command += ["--metadata", str(metadata)]
        for name, value in options.items():
            self._command.append(f"--{name.replace('_', '-')}")
            if value is not True:
                self._command.append(value if isinstance(value, str) else json.dumps(value))
        self._admin_secret: str | None = options.get("admin_secret")
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def endpoint(self) -> str:
        return f"{self.url}/v1/graphql"

    @property
    def websocket(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/graphql"

    def start(self) -> None:
        """Starts the process, on the port of the last time if there was one, and waits until it listens."""
        command = [*self._command, "--port", str(self.port)]
        self._process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith("listening on "):
            self.kill()
            raise RuntimeError(f"the Hasura test server did not start: {line!r}")
        self.port = int(line.rsplit(":", 1)[1])

    def stop(self) -> None:
        """Ends the process in order: open requests are answered first."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends the process at once, as a crash would."""
        self._end(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)

    def _end(self, sign: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(sign)
        self._process.wait(_READY_S)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def request(
        self, query: str, variables: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Sends a GraphQL request (as admin unless `headers` say otherwise) and returns the whole response."""
        if headers is None or "x-hasura-role" in {name.lower() for name in headers}:
            headers = {**self.admin_headers, **(headers or {})}
        answer: dict[str, Any] = self._post(self.endpoint, {"query": query, "variables": variables or {}}, headers)
        return answer

    def command(self, body: dict[str, Any]) -> Any:
        """Sends an administrator's command (`run_sql`, `track_table`, `reload_metadata`, …)."""
        return self._post(f"{self.url}/v1/metadata", body, self.admin_headers)

    @staticmethod
    def _post(url: str, body: Any, headers: dict[str, str]) -> Any:
        data = json.dumps(body).encode()
        request = urllib.request.Request(url, data, {**headers, "content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=_READY_S) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            return json.load(error)

    @property
    def admin_headers(self) -> dict[str, str]:
        return {"x-hasura-admin-secret": self._admin_secret} if self._admin_secret else {}


@contextlib.contextmanager
def hasura_server(database_url: str, metadata: Path | None, **options: Any) -> Iterator[HasuraServer]:
    """A running Hasura test server; `options` are those of its command line (`admin_secret`, `jwt_secret`, …)."""
    server = HasuraServer(database_url, metadata, **options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def free_port() -> int:
    """A port of the loopback interface that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
