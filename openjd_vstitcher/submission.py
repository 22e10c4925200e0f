"""Validates a request and submits it to the queue as a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .config import Config
from .documents import read_document
from .errors import InvalidInput, Problem
from .platform.ports import Platform
from .platform.values import Job, JobStatus, NewJob
from .presets import Preset, check_asset_types, load_job_details, load_preset
from .storage.adapters import open_storage
from .storage.inputs.resolve import check_details, resolve_inputs


@dataclass(frozen=True)
class Request:
    """A job to submit.

    Parameters
    ----------
    preset: the key of a preset of the platform, or the path of a preset file.
    details_path: a file with job details, or with a whole job that holds them.
    garment: a garment file; it takes precedence over the details' `input_file_uri`.
    job_type, priority: they take precedence over the job file and the preset.
    """

    preset: str
    details_path: Path | None = None
    garment: Path | None = None
    job_type: str | None = None
    priority: int | None = None
    status: JobStatus = "NEW"


def submit(
    platform: Platform,
    request: Request,
    *,
    extra_exports: Mapping[str, Mapping[str, Any]] | None = None,
    inputs_of: Config | None = None,
) -> Job:
    """Validate a request and put it into the queue; a preset file is stored on the platform first.

    Parameters
    ----------
    extra_exports: see `load_preset`.
    inputs_of: the configuration of the workers: inputs must exist in its storage and be allowed by `inputs.read_from`.
        None if it is not known here.

    Raises
    ------
    InvalidInput: the preset or the details are not valid, two artworks are for the same material, an asset type is
        unknown to the platform, the garment or the job type is missing, or a worker could not read an input.
    StorageError: whether the inputs exist could not be found out.
    NotFound: the platform has no such preset.
    """
    file = Path(request.preset)
    from_file = file.suffix.lower() in (".json", ".yaml", ".yml") or file.is_file()
    row = read_document(file) if from_file else platform.preset(request.preset)
    preset = load_preset(row, request.preset, extra_exports=extra_exports)
    if problems := check_asset_types(preset, platform.asset_types()):
        raise InvalidInput(request.preset, problems)
    given = read_document(request.details_path) if request.details_path else {}
    job = _new_job(preset, given, request)
    if inputs_of is not None:
        resolve_inputs(job.details, open_storage(inputs_of), inputs_of.inputs)
    if from_file:
        platform.put_preset(row)
    return platform.submit(job)


def _new_job(preset: Preset, given: Any, request: Request) -> NewJob:
    source = str(request.details_path or "job details")
    raw = dict(load_job_details(given, source).raw)
    if request.garment is not None:
        raw["input_file_uri"] = request.garment.resolve().as_uri()
    details = load_job_details(raw, source)
    check_details(details.raw)
    if not (details.input_file_uri or details.body_code):
        raise InvalidInput(source, [Problem("/input_file_uri", "is missing; expected a garment, or a body_code")])
    row: Mapping[str, Any] = given if "details" in given else {}
    job_type = request.job_type or row.get("type") or preset.job_type
    if not job_type:
        raise InvalidInput(source, [Problem("/type", "is missing; expected a job type, here or with --type")])
    priority = row.get("priority") if request.priority is None else request.priority
    return NewJob(
        type=job_type,
        preset_key=preset.key,
        details=raw,
        priority=priority or 0,
        requestor_id=row.get("requestor_id"),
        status=request.status,
    )
