"""The platforms that the contract is held against: embedded, and Hasura on a real PostgreSQL, extended and of today."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jwt
import psycopg

from openjd_vstitcher.config import PlatformConfig
from openjd_vstitcher.platform.hasura.migrations import Database
from openjd_vstitcher.platform.ports import Platform
from tests.hasura.process import HasuraServer, hasura_server, temporary_database

HERE = Path(__file__).parent
TODAY = HERE / "today"
PROJECT = HERE.parents[1] / "schemas" / "hasura"
ADMIN_SECRET = "contract-secret"
JWT_KEY = "a key of at least thirty-two bytes for HS256"
LIVE_QUERY_INTERVAL_S = 0.05
JOB_TABLE = "dxa.flow_node_run"


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


def token(role: str = "admin", *, valid_s: float = 3600, key: str = JWT_KEY, **claims: str) -> str:
    """A JWT for a role of the test server; `worker_id="w"` is the claim `x-hasura-worker-id`."""
    named = {f"x-hasura-{name.replace('_', '-')}": value for name, value in claims.items()}
    payload = {"x-hasura-allowed-roles": [role], "x-hasura-default-role": role, **named}
    return jwt.encode({"exp": time.time() + valid_s, "https://hasura.io/jwt/claims": payload}, key, algorithm="HS256")


@contextmanager
def extended(postgres_server: str, directory: Path) -> Iterator[Deployment]:
    """The shipped project on an empty database."""
    with temporary_database(postgres_server) as url:
        with closing(Database(url)) as database:
            database.migrate()
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
def shaped(
    postgres_server: str,
    directory: Path,
    *,
    extend: bool,
    tables: Mapping[str, str] = MappingProxyType({}),
    metadata: Mapping[str, str] = MappingProxyType({}),
    sql: str = "",
    job_table: str = "platform.job",
    closed_to: str = "",
    **options: Any,
) -> Iterator[Deployment]:
    """Today's tables in another shape, extended or not.

    Parameters
    ----------
    tables, metadata: regular expressions in `today.sql` and in the metadata, and what stands in their place.
    sql: what runs after `today.sql`.
    job_table: the table of jobs, if `tables` and `metadata` give it another name.
    closed_to: a role that may not introspect the schema.
    options: of the test server.
    """
    with temporary_database(postgres_server) as url:
        with psycopg.connect(url) as connection:
            connection.execute((_replaced((TODAY / "today.sql").read_text(), tables) + sql).encode())
        if extend:
            with closing(Database(url, job_table=job_table)) as database:
                database.migrate()
        project = directory / "project"
        shutil.copytree((PROJECT if extend else TODAY) / "metadata", project / "metadata")
        for file in project.rglob("*.yaml"):
            file.write_text(_replaced(file.read_text(), metadata))
        if closed_to:
            file = project / "metadata" / "graphql_schema_introspection.yaml"
            file.write_text(f"disabled_for_roles: [{closed_to}]\n")
        with _deployment(url, project, directory, **options) as deployment:
            yield replace(deployment, config=replace(deployment.config, job_table=job_table))


def _replaced(text: str, by: Mapping[str, str]) -> str:
    for pattern, replacement in by.items():
        text = re.sub(pattern, replacement, text, flags=re.M)
    return text


@contextmanager
def _deployment(url: str, project: Path, directory: Path, **options: Any) -> Iterator[Deployment]:
    secret = directory / "admin-secret"
    secret.write_text(ADMIN_SECRET)
    with hasura_server(
        url,
        project,
        admin_secret=ADMIN_SECRET,
        jwt_secret={"type": "HS256", "key": JWT_KEY},
        live_query_interval=LIVE_QUERY_INTERVAL_S,
        **options,
    ) as server:
        config = PlatformConfig(kind="hasura", endpoint=server.endpoint, credential_file=secret, poll_s=5.0)
        yield Deployment(server, url, config)
