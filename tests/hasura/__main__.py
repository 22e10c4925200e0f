"""`python -m tests.hasura`: starts the server on the loopback interface."""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
from pathlib import Path

import uvicorn

from tests.hasura.auth import Authenticator
from tests.hasura.errors import HasuraError
from tests.hasura.server import Settings, create_app


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.hasura", description=__doc__)
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--metadata", type=Path, help="Hasura project or its metadata folder; none: nothing is tracked")
    parser.add_argument("--port", type=int, default=8080, help="0 takes any free port")
    parser.add_argument("--admin-secret")
    parser.add_argument("--jwt-secret", type=json.loads, help='as in Hasura: {"type": "HS256", "key": "…"}')
    parser.add_argument("--unauthorized-role")
    parser.add_argument("--live-query-interval", type=float, default=1.0, help="seconds")
    parser.add_argument("--pool-size", type=int, default=10)
    parser.add_argument("--stringify-numeric-types", action="store_true")
    parser.add_argument("--say-version", default="v2-test-server", help="what /v1/version answers")
    return parser.parse_args(arguments)


class _Server(uvicorn.Server):
    """Says on stdout where it listens as soon as it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            print(f"listening on http://127.0.0.1:{sockets[0].getsockname()[1]}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Serves until a signal ends it; 1 when the metadata does not fit the database."""
    options = _parse(sys.argv[1:] if arguments is None else arguments)
    settings = Settings(
        options.database_url,
        options.metadata,
        Authenticator(options.admin_secret, options.jwt_secret, options.unauthorized_role),
        options.live_query_interval,
        options.pool_size,
        options.stringify_numeric_types,
        options.say_version,
    )
    try:
        app = create_app(settings)
    except (HasuraError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio sets TCP_NODELAY by it
    if sys.platform != "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", options.port))
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2)
    server = _Server(config)
    selector = asyncio.SelectorEventLoop if sys.platform == "win32" else None
    with asyncio.Runner(loop_factory=selector) as runner:
        runner.run(server.serve([listener]))
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
