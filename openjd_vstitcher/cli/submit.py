"""`openjd-vs submit`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from . import CANCELED, FAILED
from ._console import config_option, configured_exports, configured_platform, job_line, json_option, print_json


@click.command()
@click.argument("preset")
@click.option(
    "--details",
    "details_path",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Job details, or a whole job that contains them, as JSON or YAML.",
)
@click.option(
    "--garment",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Garment file; takes precedence over input_file_uri in the details.",
)
@click.option("--type", "job_type", help="Job type. Default: the type in the job or the preset.")
@click.option("--priority", type=int, help="Jobs of a higher priority are claimed first.")
@click.option("--hold", is_flag=True, help="Submit the job on hold; `jobs release` lets it run.")
@click.option("--wait", is_flag=True, help="Wait until the job ends; the exit code shows the result.")
@config_option
@json_option
def command(
    preset: str,
    details_path: Path | None,
    garment: Path | None,
    job_type: str | None,
    priority: int | None,
    hold: bool,
    wait: bool,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Put a job into the queue.

    PRESET is the key of a preset or job definition on the platform, or a file that holds one and is stored on the
    platform first, or a task file.
    """
    from ..config import load_config
    from ..platform.following import follow
    from ..submission import Request, submit

    request = Request(
        preset=preset,
        details_path=details_path,
        garment=garment,
        job_type=job_type,
        priority=priority,
        status="ON_HOLD" if hold else "NEW",
    )
    with configured_platform(config_path) as platform:
        job = submit(
            platform, request, extra_exports=configured_exports(config_path), jobs=load_config(config_path).jobs
        )
        if wait:
            job_id = job.id
            for job in follow(platform, job_id):
                if not as_json:
                    click.echo(job_line(job))
        elif not as_json:
            click.echo(job.id)
    if as_json:
        print_json(job)
    if wait and job.status != "COMPLETED_SUCCESS":
        sys.exit(CANCELED if job.status == "CANCELED" else FAILED)
