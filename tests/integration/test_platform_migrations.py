"""The shipped migrations: on an empty database, on one with today's tables and rows, and down again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from openjd_vstitcher.errors import PlatformError
from openjd_vstitcher.platform.hasura.migrations import Database
from tests.contract.platforms import JOB_TABLE, TODAY
from tests.hasura.process import temporary_database

pytest_plugins = ["tests.contract.fixtures"]

TABLES = ("platform.job", "platform.job_preset", "platform.job_status", "platform.job_type", '"create".asset')
NAMES = ["tables_of_today", "leases_and_events", "functions"]


@pytest.fixture
def today(postgres_server: str) -> Iterator[str]:
    """A database with today's tables and rows."""
    with temporary_database(postgres_server) as url:
        run(url, (TODAY / "today.sql").read_text() + (TODAY / "rows.sql").read_text())
        yield url


def run(url: str, sql: str) -> list[dict[str, Any]]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def migrate(url: str, *, to: int | None = None, job_table: str = "platform.job") -> list[str]:
    with closing(Database(url, job_table=job_table)) as database:
        return [migration.name for migration in database.migrate(to=to)]


def schema(url: str) -> list[dict[str, Any]]:
    """Columns, indexes, constraints, triggers and functions outside of PostgreSQL's own schemas."""
    return run(
        url,
        """
        SELECT 'column' AS kind, format('%s.%s.%s %s %s %s', table_schema, table_name, column_name, data_type,
               is_nullable, column_default) AS what
          FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
        UNION ALL SELECT 'index', indexdef FROM pg_indexes WHERE schemaname NOT IN ('pg_catalog')
        UNION ALL SELECT 'trigger', pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT 'function', pg_get_functiondef(p.oid) FROM pg_proc p
          JOIN pg_namespace n ON n.oid = pronamespace
          WHERE nspname NOT IN ('pg_catalog', 'information_schema')
        UNION ALL SELECT 'schema', nspname FROM pg_namespace
          WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
        ORDER BY 1, 2
        """,
    )


def rows_of(url: str, columns: dict[str, list[str]] | None = None) -> dict[str, list[dict[str, Any]]]:
    names = columns or {table: ["*"] for table in TABLES}
    return {t: run(url, f"SELECT {', '.join(names[t])} FROM {t} ORDER BY 1") for t in TABLES}


def test_an_empty_database_gets_everything_and_loses_it_again(postgres_url: str) -> None:
    before = schema(postgres_url)
    assert migrate(postgres_url) == NAMES
    assert migrate(postgres_url) == []
    assert migrate(postgres_url, to=0) == NAMES[::-1]
    assert schema(postgres_url) == before


def test_what_is_there_today_keeps_its_rows_and_its_meaning(today: str) -> None:
    before = rows_of(today)
    migrate(today)
    columns = {t: [f'"{name}"' for name in found[0]] for t, found in before.items()}
    after = rows_of(today, columns)
    added = [row for row in after["platform.job_status"] if row not in before["platform.job_status"]]
    assert added == [{"value": "CANCELED", "comment": None}]
    after["platform.job_status"].remove(added[0])
    assert after == before


def test_going_down_gives_back_what_was_there(today: str) -> None:
    before, rows_before = schema(today), rows_of(today)
    migrate(today)
    run(today, "SELECT platform.cancel_job('00000000-0000-4000-8000-000000000004', '{}')")
    migrate(today, to=0)
    assert schema(today) == before
    rows_after = rows_of(today)
    canceled = next(r for r in rows_after["platform.job"] if str(r["id"]).endswith("4"))
    assert (canceled["status"], canceled["status_details"]) == ("COMPLETED_ERRORS", "canceled before it began")
    for table in TABLES[1:]:
        assert rows_after[table] == rows_before[table]


def test_jobs_of_today_are_claimed_and_ended_after_the_migration(today: str) -> None:
    migrate(today)
    (claimed,) = run(today, "SELECT * FROM platform.claim_job('w', '[\"DXA_EXPORT_BODY_BUNDLE\"]', 60, NULL, '{}')")
    assert (str(claimed["id"])[-1], claimed["attempt"]) == ("4", 1)
    finish = "SELECT * FROM platform.finish_job('%s', 1, 'w', 'NEW', 'x', '[]', true, true, NULL, NULL, 3, '{}')"
    (given_back,) = run(today, finish % claimed["id"])
    assert (given_back["status"], given_back["auto_retries"]) == ("NEW", 1)


def test_runners_of_today_work_on_beside_workers_with_leases(today: str) -> None:
    migrate(today)
    run(today, "SELECT platform.claim_job('w', '[\"DXA_EXPORT_BODY_BUNDLE\"]', 60, NULL, '{}')")
    run(today, "UPDATE platform.job SET status = 'NEW' WHERE id::text LIKE '%4'")
    run(today, "UPDATE platform.job SET status = 'IN_PROGRESS', started_at = now() WHERE id::text LIKE '%4'")
    heartbeat = "SELECT * FROM platform.heartbeat_job('00000000-0000-4000-8000-000000000004', 1, 'w', 60, 1, '', '{}')"
    assert run(today, heartbeat) == []
    assert run(today, "SELECT * FROM platform.requeue_expired_jobs(3)") == []
    run(today, "UPDATE platform.job SET status = 'COMPLETED_SUCCESS', ended_at = now() WHERE id::text LIKE '%4'")


def test_names_that_a_job_has_twice_today_stay_and_new_ones_are_single(today: str) -> None:
    migrate(today)
    insert = """INSERT INTO "create".asset (type, status, job_id, name)
                VALUES ('SCAN', 'IN_PROGRESS', '00000000-0000-4000-8000-000000000002', 'scan.json')"""
    run(today, insert)
    with pytest.raises(psycopg.errors.UniqueViolation):
        run(today, insert)
    assert len(run(today, """SELECT id FROM "create".asset WHERE name = 'front.png'""")) == 2


def test_a_migration_that_fails_leaves_nothing(today: str) -> None:
    run(today, "ALTER TABLE platform.job ADD COLUMN progress text")
    before = schema(today)
    with pytest.raises(PlatformError, match=r"nothing has changed.*progress"):
        migrate(today)
    assert schema(today) == before


def test_a_database_that_hasuras_tool_migrated_is_left_alone(postgres_url: str) -> None:
    for directory in sorted(Path(TODAY.parents[2] / "schemas/hasura/migrations/default").iterdir()):
        run(postgres_url, (directory / "up.sql").read_text())
    with pytest.raises(PlatformError, match="another tool"):
        migrate(postgres_url)


def test_the_table_of_jobs_may_have_another_name(postgres_url: str) -> None:
    text = re.sub(r"\bplatform\.job(?![_.\w])", JOB_TABLE, (TODAY / "today.sql").read_text())
    run(postgres_url, f"CREATE SCHEMA dxa; {text}")
    before = schema(postgres_url)
    assert migrate(postgres_url, job_table=JOB_TABLE) == NAMES
    run(postgres_url, "INSERT INTO dxa.flow_node_run (status, type) VALUES ('NEW', 'TEST')")
    (claimed,) = run(postgres_url, "SELECT * FROM platform.claim_job('w', '[\"TEST\"]', 60, NULL, '{}')")
    assert claimed["status"] == "IN_PROGRESS"
    migrate(postgres_url, to=0, job_table=JOB_TABLE)
    assert schema(postgres_url) == before


def test_a_database_that_cannot_be_reached_is_said_so() -> None:
    with pytest.raises(PlatformError, match="cannot reach the database"):
        Database("postgresql://127.0.0.1:1/none")
