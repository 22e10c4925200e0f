"""`openjd-vs submit`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..platform.job_ids import SHORT
from . import CANCELED, FAILED
from ._console import config_option, configured_exports, configured_platform, json_option, print_json

if TYPE_CHECKING:
    from ..config import Config


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
    Prints the job's id, and on stderr its place in the queue. Where the configuration has the storage of the workers,
    the job's inputs are checked first.
    """
    from ..config import load_config
    from ..submission import Request, submit
    from ._following import follow_job, where_it_stands
    from ._signals import leaving_on_interrupt

    request = Request(
        preset=preset,
        details_path=details_path,
        garment=garment,
        job_type=job_type,
        priority=priority,
        status="ON_HOLD" if hold else "NEW",
    )
    with configured_platform(config_path, say=True) as platform:
        job = submit(
            platform,
            request,
            extra_exports=configured_exports(config_path),
            inputs_of=_configuration_of_workers(config_path),
            jobs=load_config(config_path).jobs,
        )
        click.echo(f"{job.id[:SHORT]}: {where_it_stands(platform, job)}", err=True)
        if wait:
            with leaving_on_interrupt(lambda: f"the job goes on; `openjd-vs jobs watch {job.id[:SHORT]}` follows it"):
                job = follow_job(platform, job.id, quiet=as_json)
        elif not as_json:
            click.echo(job.id)
    if as_json:
        print_json(job)
    if wait and job.status != "COMPLETED_SUCCESS":
        sys.exit(CANCELED if job.status == "CANCELED" else FAILED)


def _configuration_of_workers(config_path: Path | None) -> Config | None:
    """The configuration, if it says where the workers of its queue get their inputs."""
    from ..config.file import read_config

    read = read_config(config_path)
    of_workers = read.config.platform.kind == "embedded" or any(
        key.startswith(("storage.", "inputs.")) for key in read.origins
    )
    return read.config if of_workers else None
