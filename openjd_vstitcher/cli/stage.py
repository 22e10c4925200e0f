"""`openjd-vs stage`: the WorkingDirectory environment's way in."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import InvalidInput, OpenjdVsError, Problem

if TYPE_CHECKING:
    from ..storage.inputs.download import Fetched
    from ..storage.inputs.manifest import InputEntry


@click.command("stage")
@click.option("--into", required=True, type=click.Path(path_type=Path), help="The session's working directory.")
@click.option("--garment", default="", help="The garment's file; empty when the manifest has it.")
@click.option("--manifest", default="", help="The inputs manifest; empty when there is none.")
@click.option("--job-id", default="local", help="The job's id, for job.json.")
@click.option("--output-dir", default="", help="Where the exports go, for job.json.")
@click.option("--job-data", default="", help="JSON file with the preset, for job.json (a path or file://…).")
def command(into: Path, garment: str, manifest: str, job_id: str, output_dir: str, job_data: str) -> None:
    """Bring a session's inputs into its working directory."""
    from ..actions.staging import stage
    from ..config import load_config
    from ..storage.inputs.manifest import Manifest, read_manifest

    try:
        job = {
            "id": job_id,
            **_job_data(job_data),
            "local_job_output_path": output_dir and str(Path(output_dir).absolute()),
        }
        stage(
            into,
            garment=garment,
            manifest=read_manifest(Path(manifest)) if manifest else Manifest(),
            job=job,
            config=load_config().storage,
            on_staged=_tell(threading.Lock()),
        )
    except OpenjdVsError as error:
        click.echo(f"openjd_fail: Staging failed: {' '.join(str(error).split())}")
        raise


def _job_data(source: str) -> dict[str, Any]:
    if not source:
        return {}
    path = Path(source.removeprefix("file://"))
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput("job data", [Problem("", f"{path} cannot be read: {error}")]) from error
    if not isinstance(data, dict):
        raise InvalidInput("job data", [Problem("", "expected an object")])
    return data


def _tell(lock: threading.Lock) -> Any:
    from ..events import Staged, fact_line

    def on_staged(entry: InputEntry, fetched: Fetched) -> None:
        staged = Staged(
            what=entry.role,
            name=entry.name,
            uri=entry.source_uri,
            version=entry.version,
            size_bytes=fetched.size_bytes,
            sha256=fetched.sha256,
        )
        with lock:
            click.echo(fact_line(staged))

    return on_staged
