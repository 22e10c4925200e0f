"""From the request of an attempt to a plan: validates, resolves inputs, translates. Starts nothing."""

from __future__ import annotations

from dataclasses import dataclass

from ..config import Config
from ..export_types import extra_exports
from ..files import write_json, write_whole
from ..garment import check_garment
from ..outputs.provenance import Provenance
from ..outputs.values import Delivery
from ..platform.ports import AssetCatalogue
from ..session.plan import Plan, make_plan
from ..storage.adapters import open_storage
from ..storage.address import local_path
from ..storage.destination import destination_prefix
from ..storage.inputs.manifest import write_manifest
from ..storage.inputs.resolve import resolve_inputs
from ..storage.ports import Storage
from ..translation.check import decode
from ..translation.commands import check_commands
from ..translation.kinds import JobContext, TranslatedJob, translate_job
from ..translation.text import template_digest, to_yaml
from .directory import AttemptDirectory
from .request import AttemptRequest


@dataclass(frozen=True)
class PreparedAttempt:
    """All that an attempt needs before anything of it starts."""

    plan: Plan
    job: TranslatedJob
    delivery: Delivery
    template_sha256: str


def prepare(
    directory: AttemptDirectory, request: AttemptRequest, config: Config, catalogue: AssetCatalogue
) -> PreparedAttempt:
    """Validate, translate and resolve an attempt's request.

    Raises
    ------
    InvalidInput: with the place of what is wrong.
    StorageError, PlatformError: something that is needed cannot be reached.
    """
    context = JobContext(
        output_dir=str(directory.output),
        inputs_manifest=str(directory.inputs),
        engine=config.engine.kind,
        extra_exports=extra_exports(config.engine.extra_exports),
        asset_types=catalogue.asset_types(),
    )
    job = translate_job(request.job, request.preset, context)
    storage = open_storage(config)
    destination = destination_prefix(job.destination, job_id=request.job_id, style_id=job.style_id)
    storage.check(destination)
    _write_inputs(directory, job, storage, config)
    source = str(directory.template)
    digest = template_digest(job.template)
    write_whole(directory.template, to_yaml(job.template))
    write_json(directory.parameters, dict(job.parameters))
    check_commands(job.template, config.worker.allowed_commands, source)
    plan = make_plan(decode(job.template, source), job.parameters, source=source, base=directory.path)
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
    return PreparedAttempt(plan, job, delivery, digest)


def _write_inputs(directory: AttemptDirectory, job: TranslatedJob, storage: Storage, config: Config) -> None:
    entries = resolve_inputs(job.inputs, storage, config.inputs)
    for entry in entries:
        if entry.role == "garment" and entry.url.startswith("file://"):
            check_garment(local_path(entry.url))
    write_manifest(directory.inputs, entries, job.inputs)
