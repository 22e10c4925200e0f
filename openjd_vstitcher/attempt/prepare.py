"""From the request of an attempt to a plan: validates, resolves inputs, translates. Starts nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ..config import Config
from ..export_types import extra_exports
from ..files import write_whole
from ..garment import check_garment
from ..outputs.provenance import Provenance
from ..outputs.values import Delivery
from ..platform.ports import AssetCatalogue
from ..presets import JobDetails, Preset, load_job_details, load_preset
from ..session.plan import Plan, make_plan
from ..storage.adapters import open_storage
from ..storage.address import local_path
from ..storage.destination import destination_prefix
from ..storage.inputs.manifest import write_manifest
from ..storage.inputs.resolve import resolve_inputs
from ..storage.ports import Storage
from ..translation.check import check_commands, decode
from ..translation.environments import parameter_values
from ..translation.preset import translate
from ..translation.text import template_digest, to_yaml
from .directory import JobDirectory
from .request import JobRequest


@dataclass(frozen=True)
class Prepared:
    """All that a job needs before anything of it starts."""

    plan: Plan
    preset: Preset
    delivery: Delivery
    template_sha256: str


def prepare(directory: JobDirectory, request: JobRequest, config: Config, catalogue: AssetCatalogue) -> Prepared:
    """Validate, resolve and translate. Starts nothing."""
    extra = extra_exports(config.engine.extra_exports)
    preset = load_preset(request.preset, f"preset {request.preset.get('key')}", extra_exports=extra)
    details = load_job_details(request.job["details"], "job details")
    storage = open_storage(config)
    destination = destination_prefix(preset.raw["details"], job_id=request.job_id, style_id=details.style_id)
    storage.check(destination)
    _write_inputs(directory, details, storage, config)
    template = translate(preset)
    digest = template_digest(template)
    write_whole(directory.template, to_yaml(template))
    check_commands(template, config.worker.allowed_commands, str(directory.template))
    values = parameter_values(
        job_id=request.job_id,
        output_dir=str(directory.output),
        inputs_manifest=str(directory.inputs),
        engine=config.engine.kind,
    )
    write_whole(directory.parameters, json.dumps(values, indent=1))
    plan = make_plan(
        decode(template, str(directory.template)), values, source=str(directory.template), base=directory.path
    )
    delivery = Delivery(
        storage=storage,
        destination=destination,
        catalogue=catalogue,
        claim=request.claim,
        style_id=details.style_id,
        body_id=details.body_id,
        metadata={"job": request.job_id, "attempt": str(request.attempt), "template-sha256": digest},
        provenance=Provenance(directory.journal),
    )
    return Prepared(plan, preset, delivery, digest)


def _write_inputs(directory: JobDirectory, details: JobDetails, storage: Storage, config: Config) -> None:
    entries = resolve_inputs(details.raw, storage, config.inputs)
    for entry in entries:
        if entry.role == "garment" and entry.url.startswith("file://"):
            check_garment(local_path(entry.url))
    write_manifest(directory.inputs, entries, details.raw)
