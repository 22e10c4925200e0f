"""The name of the table of jobs in the migrations: marked where it stands, and replaced there alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from openjd_vstitcher.platform.hasura.migrations import with_job_table
from openjd_vstitcher.resources import resource

MIGRATIONS = sorted(resource("schemas/hasura/migrations/default").rglob("*.sql"))


@pytest.mark.parametrize("file", MIGRATIONS, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_a_migration_names_the_table_of_jobs_only_where_it_is_marked(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert not re.search(r"(?<!/\*job\*/)(?<!/\*job\*/')\bplatform\.job\b", text)
    other = with_job_table(text, "dxa.flow_node_run")
    assert "/*job" not in other
    assert with_job_table(text, "platform.job") == re.sub(r"/\*job(_schema)?\*/", "", text)
    assert other.count("dxa.flow_node_run") == text.count("/*job*/")


def test_a_migration_for_another_table_of_jobs_renames_nothing_else() -> None:
    sql = "ALTER TABLE /*job*/platform.job; SELECT /*job*/'platform.job'; DROP INDEX /*job_schema*/platform.job_held;"
    renamed = "ALTER TABLE dxa.run; SELECT 'dxa.run'; DROP INDEX dxa.job_held;"
    assert (
        with_job_table(sql + " DROP TABLE platform.job_event", "dxa.run") == renamed + " DROP TABLE platform.job_event"
    )
