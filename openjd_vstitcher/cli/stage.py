"""`openjd-vs stage`: what the WorkingDirectory environment runs when it is entered."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("stage")
@click.option("--into", required=True, type=click.Path(path_type=Path), help="The session's working directory.")
@click.option("--garment", default="", help="The garment's file; empty when the manifest names it.")
@click.option("--manifest", default="", help="The inputs manifest; empty when there is none.")
@click.option("--job-id", default="local", help="The job's id, for job.json.")
@click.option("--output-dir", default="", help="Where the exports go, for job.json.")
@click.option("--job-data", default="", help="JSON file with the preset, for job.json (a path or file://…).")
@click.pass_context
def command(
    ctx: click.Context, into: Path, garment: str, manifest: str, job_id: str, output_dir: str, job_data: str
) -> None:
    """Fetch a session's inputs into its working directory."""
    from ..actions.staging import run_stage

    ctx.exit(
        run_stage(into, garment=garment, manifest=manifest, job_id=job_id, output_dir=output_dir, job_data=job_data)
    )
