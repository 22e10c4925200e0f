"""The platforms that the contract is held against: embedded, and Hasura on a real PostgreSQL, extended and of today."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from openjd_vstitcher.config import PlatformConfig
from openjd_vstitcher.platform import Platform
from openjd_vstitcher.platform.migrations import Database
from tests.hasura.process import HasuraServer, hasura_server, temporary_database

HERE = Path(__file__).parent
TODAY = HERE / "today"
PROJECT = HERE.parents[1] / "schemas" / "hasura"
ADMIN_SECRET = "contract-secret"
JWT_KEY = "a key of at least thirty-two bytes for HS256"
LIVE_QUERY_INTERVAL_S = 0.05


@dataclass(frozen=True)
class Subject:
    """A platform under test.

    Parameters
    ----------
    kind: `embedded`, `extended` or `legacy`.
    open: opens the same platform once more, as another process would.
    """

    kind: str
    platform: Platform
    open: Callable[[], Platform]


@dataclass(frozen=True)
class Deployment:
    """A Hasura test server and its database; `config` holds the admin's secret in a file."""

    server: HasuraServer
    database_url: str
    config: PlatformConfig

    def execute(self, sql: str) -> list[tuple[object, ...]]:
        """Run SQL on the database and return its rows."""
        with psycopg.connect(self.database_url) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def clear(self) -> None:
        """Take all rows away that tests make."""
        self.execute('TRUNCATE platform.job, platform.job_preset, "create".asset CASCADE')


@contextmanager
def extended(postgres_server: str, directory: Path) -> Iterator[Deployment]:
    """The shipped project on an empty database."""
    with temporary_database(postgres_server) as url:
        database = Database(url)
        database.migrate()
        database.close()
        with _deployment(url, PROJECT, directory) as deployment:
            yield deployment


@contextmanager
def legacy(postgres_server: str, directory: Path) -> Iterator[Deployment]:
    """Today's tables, not extended."""
    with temporary_database(postgres_server) as url:
        with psycopg.connect(url) as connection:
            connection.execute((TODAY / "today.sql").read_bytes())
        with _deployment(url, TODAY, directory) as deployment:
            yield deployment


@contextmanager
def _deployment(url: str, project: Path, directory: Path) -> Iterator[Deployment]:
    secret = directory / "admin-secret"
    secret.write_text(ADMIN_SECRET)
    with hasura_server(
        url,
        project,
        admin_secret=ADMIN_SECRET,
        jwt_secret={"type": "HS256", "key": JWT_KEY},
        live_query_interval=LIVE_QUERY_INTERVAL_S,
    ) as server:
        config = PlatformConfig(kind="hasura", endpoint=server.endpoint, credential_file=secret, poll_s=5.0)
        yield Deployment(server, url, config)
