"""The shipped migrations: on an empty database, on one with today's tables and rows, and down again."""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from openjd_vstitcher.errors import PlatformError
from openjd_vstitcher.platform.hasura import migrations
from openjd_vstitcher.platform.hasura.migrations import Database
from tests.contract.platforms import JOB_TABLE, PROJECT, TODAY
from tests.hasura.process import temporary_database

pytest_plugins = ["tests.contract.fixtures"]

TABLES = ("platform.job", "platform.job_preset", "platform.job_status", "platform.job_type", '"create".asset')
MIGRATIONS = PROJECT / "migrations" / "default"
NAMES = [
    "tables_of_today",
    "job_types_of_presets",
    "leases_and_events",
    "functions",
    "indexes_of_assets",
    "indexes_of_jobs",
    "results",
]


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


def schema(url: str) -> list[str]:
    """Columns, indexes, triggers and functions outside of PostgreSQL's own schemas and the state of the migrations."""
    found = run(
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
    return [
        f"{row['kind']} {row['what']}".replace("/*job*/", "")
        for row in found
        if "openjd_vs." not in row["what"] and row["what"] != "openjd_vs"
    ]


def rows_of(url: str, columns: dict[str, list[str]] | None = None) -> dict[str, list[dict[str, Any]]]:
    names = columns or {table: ["*"] for table in TABLES}
    return {t: run(url, f"SELECT {', '.join(names[t])} FROM {t} ORDER BY 1") for t in TABLES}


def test_an_empty_database_gets_everything_and_loses_it_again(postgres_url: str) -> None:
    before = schema(postgres_url)
    assert migrate(postgres_url) == NAMES
    assert migrate(postgres_url) == []
    assert migrate(postgres_url, to=0) == NAMES[::-1]
    assert schema(postgres_url) == before


def test_part_of_the_migrations_is_undone_and_applied_again(postgres_url: str) -> None:
    migrate(postgres_url)
    whole = schema(postgres_url)
    with closing(Database(postgres_url)) as database:
        fourth = database.status()[3].version
    assert migrate(postgres_url, to=fourth) == NAMES[:3:-1]
    assert migrate(postgres_url) == NAMES[4:]
    assert schema(postgres_url) == whole


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


def test_columns_of_other_types_are_refused_before_anything_changes(today: str) -> None:
    run(today, "ALTER TABLE platform.job ADD COLUMN progress text")
    before = schema(today)
    with pytest.raises(PlatformError, match="progress has the type text, expected double precision") as refused:
        migrate(today)
    assert not refused.value.transient
    assert schema(today) == before


def apply_files(url: str) -> None:
    """What Hasura's own tool does with the migrations: each up.sql in one transaction."""
    for directory in sorted(MIGRATIONS.iterdir()):
        run(url, (directory / "up.sql").read_text())


def test_hasuras_own_tool_and_ours_make_the_same_of_a_database(postgres_server: str, today: str) -> None:
    migrate(today)
    with temporary_database(postgres_server) as other:
        run(other, (TODAY / "today.sql").read_text() + (TODAY / "rows.sql").read_text())
        apply_files(other)
        assert schema(today) == schema(other)


def test_every_migration_can_be_applied_again(today: str) -> None:
    apply_files(today)
    before, rows_before = schema(today), rows_of(today)
    apply_files(today)
    assert schema(today) == before
    assert migrate(today) == NAMES
    apply_files(today)
    assert (schema(today), rows_of(today)) == (before, rows_before)


def test_every_migration_can_be_applied_again_to_an_empty_database(postgres_url: str) -> None:
    migrate(postgres_url)
    before = schema(postgres_url)
    apply_files(postgres_url)
    assert schema(postgres_url) == before


def test_functions_and_tables_of_the_deployments_own_stay(today: str) -> None:
    run(
        today,
        """CREATE FUNCTION platform.set_updated_at() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE FUNCTION platform.end_lease() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TABLE platform.worker (name text); INSERT INTO platform.worker VALUES ('theirs');
        CREATE TRIGGER note_job BEFORE DELETE ON platform.job
          FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at()""",
    )
    before = schema(today)
    migrate(today)
    after = schema(today)
    assert [what for what in before if what not in after] == []
    assert run(today, "SELECT * FROM platform.worker") == [{"name": "theirs"}]
    run(today, "SELECT platform.claim_job('w', '[\"DXA_EXPORT_BODY_BUNDLE\"]', 60, NULL, '{}')")
    migrate(today, to=0)
    assert schema(today) == before


@pytest.mark.parametrize(
    "theirs",
    [
        "CREATE FUNCTION platform.cancel_job(job_id uuid, s json) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TABLE platform.job_event (what text)",
    ],
)
def test_a_name_that_is_taken_is_refused_and_not_replaced(today: str, theirs: str) -> None:
    run(today, theirs)
    with pytest.raises(PlatformError, match="exists, and openjd-vstitcher has not made it") as refused:
        migrate(today)
    assert not refused.value.transient


def test_a_table_of_jobs_that_cannot_be_extended_is_refused_before_anything_changes(today: str) -> None:
    run(
        today,
        """CREATE TYPE platform.state AS ENUM ('NEW', 'ACKNOWLEDGED', 'IN_PROGRESS', 'COMPLETED_SUCCESS',
             'COMPLETED_ERRORS', 'ON_HOLD');
        ALTER TABLE platform.job DROP CONSTRAINT job_status_fkey;
        ALTER TABLE platform.job ALTER status TYPE platform.state USING status::platform.state""",
    )
    before = schema(today)
    with pytest.raises(PlatformError, match=r"status has the type platform\.state, expected text") as refused:
        migrate(today)
    assert not refused.value.transient
    assert schema(today) == before


def test_an_index_whose_building_was_interrupted_is_built_again(today: str) -> None:
    with psycopg.connect(today, autocommit=True) as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute('CREATE UNIQUE INDEX CONCURRENTLY asset_job_id_name_key ON "create".asset (job_id, name)')
    migrate(today)
    assert run(today, "SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid") == []
    (index,) = run(today, "SELECT indexdef FROM pg_indexes WHERE indexname = 'asset_job_id_name_key'")
    assert "WHERE (created_at >" in index["indexdef"]


def test_a_migration_waits_briefly_for_locks_and_goes_on_where_it_was(
    today: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_PATIENCE_S", 0.5)
    with psycopg.connect(today) as other:
        other.execute("SELECT count(*) FROM platform.job")
        began = time.monotonic()
        with pytest.raises(PlatformError, match=r"leases_and_events failed and was rolled back.*lock") as failed:
            migrate(today)
        assert failed.value.transient
        assert time.monotonic() - began < 10
        run(today, "UPDATE platform.job SET priority = 1")
    assert migrate(today) == NAMES[2:]


def test_two_migrations_at_once_do_the_work_once(today: str) -> None:
    with ThreadPoolExecutor(3) as pool:
        done = [future.result() for future in [pool.submit(migrate, today) for _ in range(3)]]
    assert sorted(map(len, done)) == [0, 0, len(NAMES)]


_WRITES = (
    """UPDATE "create".asset SET details = '{}' WHERE job_id = %(job)s;
       UPDATE platform.job SET status_details = 'a' WHERE id = %(job)s""",
    """UPDATE platform.job SET status_details = 'b' WHERE id = %(job)s;
       UPDATE "create".asset SET details = '{"b": 1}' WHERE job_id = %(job)s""",
    """INSERT INTO "create".asset (type, status, job_id, name) VALUES ('SCAN', 'IN_PROGRESS', %(job)s, %(name)s);
       INSERT INTO platform.job (status, type, preset_key) VALUES ('NEW', 'TEST', 'onboarding_v0')""",
    """SELECT j.id, p.key FROM platform.job j JOIN platform.job_preset p ON p.key = j.preset_key
       WHERE j.id = %(job)s""",
)


class _Writer:
    """Writes as runners do, in transactions over both tables, and notes the longest that one of them took."""

    def __init__(self, url: str, write: str, jobs: list[Any]) -> None:
        self._url = url
        self._write = write
        self._jobs = jobs
        self.count = 0
        self.longest_s = 0.0

    def work(self, stop: threading.Event) -> None:
        with psycopg.connect(self._url) as connection:
            while not stop.is_set():
                job = self._jobs[self.count % len(self._jobs)]
                began = time.monotonic()
                with connection.transaction():
                    for statement in self._write.split(";"):
                        connection.execute(statement.encode(), {"job": job, "name": uuid.uuid4().hex})
                self.longest_s = max(self.longest_s, time.monotonic() - began)
                self.count += 1


def test_a_database_in_use_is_migrated_without_a_deadlock(today: str) -> None:
    run(
        today,
        """INSERT INTO platform.job (status, type, preset_key, priority)
             SELECT 'COMPLETED_SUCCESS', 'TEST', 'onboarding_v0', 1 FROM generate_series(1, 50000);
           INSERT INTO "create".asset (type, status, job_id, name, style_id, is_public_facing)
             SELECT 'SCAN', 'UPLOADED', id, 'scan.json', 'style-1', true FROM platform.job WHERE priority = 1""",
    )
    jobs = [row["id"] for row in run(today, "SELECT id FROM platform.job WHERE priority = 1")]
    stop = threading.Event()
    writers = [_Writer(today, write, jobs[n::4]) for n, write in enumerate(_WRITES)]
    with ThreadPoolExecutor(len(writers)) as pool:
        working = [pool.submit(writer.work, stop) for writer in writers]
        try:
            assert migrate(today) == NAMES
        finally:
            stop.set()
        for done in working:
            done.result()
    assert all(writer.count > 10 for writer in writers)
    assert max(writer.longest_s for writer in writers) < 2.5


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
