"""`openjd-vs platform`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._console import config_option, configured_platform, json_option, print_json, print_table

if TYPE_CHECKING:
    from ..platform.hasura.migrations import Database

_DATABASE_HELP = "PostgreSQL URL; prefer $OPENJD_VS_DATABASE_URL, because other users can read a command line."
_job_table_option = click.option(
    "--job-table", default="platform.job", show_default=True, help="Table of jobs, as schema.table."
)


@click.group()
def command() -> None:
    """Prepare a database for the queue, and describe the platform."""


@command.command()
@click.option("--database-url", envvar="OPENJD_VS_DATABASE_URL", required=True, help=_DATABASE_HELP)
@_job_table_option
@click.option("--to", type=int, help="Migrate up or down to this version; 0 reverts everything.")
def migrate(database_url: str, job_table: str, to: int | None) -> None:
    """Apply missing migrations to a database. An existing platform is extended; its rows do not change."""
    with _database(database_url, job_table) as database:
        before = {m.version for m in database.status() if m.applied_at}
        done = database.migrate(to=to)
    for migration in done:
        click.echo(f"{'down' if migration.version in before else 'up'}  {migration.version}  {migration.name}")
    if not done:
        click.echo("nothing to do")


@command.command()
@click.option("--database-url", envvar="OPENJD_VS_DATABASE_URL", help=_DATABASE_HELP)
@config_option
@json_option
def status(database_url: str | None, config_path: Path | None, as_json: bool) -> None:
    """Describe the configured platform, or list the migrations of a database."""
    if database_url is None:
        with configured_platform(config_path) as platform:
            described = platform.describe()
        if as_json:
            print_json({"platform": described})
        else:
            click.echo(described)
        return
    with _database(database_url) as database:
        migrations = database.status()
    if as_json:
        print_json([{"version": m.version, "name": m.name, "applied_at": m.applied_at} for m in migrations])
    else:
        print_table(("version", "name", "applied"), ((m.version, m.name, m.applied_at) for m in migrations))


@contextmanager
def _database(url: str, job_table: str = "platform.job") -> Iterator[Database]:
    try:
        from ..platform.hasura.migrations import Database
    except ImportError as error:
        raise click.ClickException("psycopg is missing: install openjd-vstitcher[server]") from error
    database = Database(url, job_table=job_table)
    try:
        yield database
    finally:
        database.close()
