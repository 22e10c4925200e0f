"""From the request of an attempt to a plan: validates, resolves inputs, translates. Starts nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ..actions.script_files import script_facts
from ..config import Config
from ..errors import InvalidInput, Problem
from ..export_types import extra_exports
from ..files import write_json, write_whole
from ..garment import check_garment
from ..handlers.discovery import find
from ..outputs.provenance import Provenance
from ..outputs.values import Delivery
from ..platform.ports import Platform
from ..session.plan import Plan, make_plan
from ..storage.adapters import open_storage
from ..storage.address import local_path
from ..storage.destination import destination_prefix
from ..storage.inputs.manifest import InputEntry, write_manifest
from ..storage.inputs.resolve import resolve_files, resolve_inputs
from ..storage.ports import Storage
from ..translation.check import decode
from ..translation.commands import check_commands
from ..translation.job import JobContext, TranslatedJob
from ..translation.kinds import translate_job
from ..translation.text import template_digest, to_yaml
from .continued import bring_files, done_steps
from .directory import AttemptDirectory
from .request import AttemptRequest


@dataclass(frozen=True)
class PreparedAttempt:
    """All that an attempt needs before anything of it starts.

    Parameters
    ----------
    delivery: None for a job without a destination; it may make no files.
    """

    plan: Plan
    job: TranslatedJob
    storage: Storage
    delivery: Delivery | None
    template_sha256: str


def prepare(
    directory: AttemptDirectory, request: AttemptRequest, config: Config, catalogue: Platform
) -> PreparedAttempt:
    """Validate, translate and resolve an attempt's request.

    Raises
    ------
    InvalidInput: with the place of what is wrong.
    StorageError, PlatformError: something that is needed cannot be reached.
    """
    job = translate_job(request.job, request.preset, job_context(directory, config, catalogue.asset_types()))
    storage = open_storage(config)
    destination = None
    if job.destination is not None:
        destination = destination_prefix(job.destination, job_id=request.job_id, style_id=job.style_id)
        storage.check(destination)
    elif job.output_types:
        message = "is missing, and jobs.destination too; expected where the job's files are stored"
        raise InvalidInput(f"job definition {request.preset['key']}", [Problem("/details/remote_destination", message)])
    _write_inputs(directory, job, storage, config)
    source = str(directory.template)
    digest = template_digest(job.template)
    write_whole(directory.template, to_yaml(job.template))
    write_json(directory.parameters, dict(job.parameters))
    check_commands(job.template, config.worker.allowed_commands, source)
    plan = make_plan(decode(job.template, source), job.parameters, source=source, base=directory.path)
    if job.continues and (done := done_steps(request, digest)):
        plan = plan.without(done)
        bring_files(directory, request, storage, catalogue, config)
    if destination is None:
        return PreparedAttempt(plan, job, storage, None, digest)
    delivery = Delivery(
        storage=storage,
        destination=destination,
        catalogue=catalogue,
        claim=request.claim,
        style_id=job.style_id,
        body_id=job.body_id,
        metadata={"job": request.job_id, "attempt": str(request.attempt), "template-sha256": digest},
        provenance=Provenance(directory.journal),
    )
    return PreparedAttempt(plan, job, storage, delivery, digest)


def job_context(directory: AttemptDirectory, config: Config, asset_types: Collection[str] | None) -> JobContext:
    """What a translation must know of this machine.

    Parameters
    ----------
    asset_types: those that the platform knows, None where that is unknown.
    """
    return JobContext(
        output_dir=str(directory.output),
        inputs_manifest=str(directory.inputs),
        engine=config.engine.kind,
        extra_exports=extra_exports(config.engine.extra_exports),
        asset_types=asset_types,
        handler=lambda name: find(name, config.jobs.handlers).facts(),
        script=lambda name: script_facts(name, config.jobs.scripts),
        output_types=config.jobs.asset_types,
        destination=config.jobs.destination,
    )


def write_files_manifest(directory: AttemptDirectory, files: Mapping[str, InputEntry]) -> None:
    """Write the manifest of the input files of a handler, with the parameters that name them."""
    names = {parameter: entry.name for parameter, entry in files.items()}
    write_manifest(directory.inputs, list(files.values()), {"files": names})


def _write_inputs(directory: AttemptDirectory, job: TranslatedJob, storage: Storage, config: Config) -> None:
    if job.output_types is not None:
        write_files_manifest(directory, resolve_files(job.files, storage, config.inputs))
        return
    entries = resolve_inputs(job.inputs, storage, config.inputs)
    for entry in entries:
        if entry.role == "garment" and entry.url.startswith("file://"):
            check_garment(local_path(entry.url))
    write_manifest(directory.inputs, entries, job.inputs)
