"""Validates a request and submits it to the queue as a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .actions.script_files import script_facts
from .config import Config
from .config.job_kinds import JobsConfig
from .documents import read_document
from .errors import InvalidInput, NotFound, OpenjdVsError, PlatformError, Problem
from .handlers.discovery import sources
from .platform.ports import Platform
from .platform.values import Job, JobStatus, NewJob
from .presets import Preset, check_asset_types, load_job_details, load_preset
from .storage.adapters import open_storage
from .storage.inputs.resolve import check_details, resolve_inputs
from .translation.definition import is_definition, load_definition, timeout_of
from .translation.handler import handler_parameters
from .translation.scripts import ScriptFacts, check_scripts, listed_scripts
from .translation.task import as_job, is_task, load_task

PRESET = "preset"
DETAILS = "job details"

ExtraExports = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Request:
    """A job to submit, as files.

    Parameters
    ----------
    preset: the key of a preset or definition of the platform, or the path of a preset, definition or task file.
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


@dataclass(frozen=True)
class Order:
    """A job to submit, as data.

    Parameters
    ----------
    preset: the key of a preset or definition of the platform, or a whole one, which is stored on the platform first.
    details: job details, or a whole job that holds them.
    job_type, priority, requestor_id: they take precedence over the job and the preset.
    id: a UUID. Submitting the same job with the same id again returns the job that is there.
    preset_source, details_source: what error messages call the documents.
    """

    preset: str | Mapping[str, Any]
    details: Any = field(default_factory=dict)
    job_type: str | None = None
    priority: int | None = None
    requestor_id: str | None = None
    status: JobStatus = "NEW"
    id: str | None = None
    preset_source: str = PRESET
    details_source: str = DETAILS


class SubmittedOtherwise(OpenjdVsError):
    """There is a job with this id that was submitted with other contents."""


def submit(
    platform: Platform,
    request: Request,
    *,
    extra_exports: ExtraExports | None = None,
    inputs_of: Config | None = None,
    jobs: JobsConfig | None = None,
) -> Job:
    """Validate a request and put it into the queue; a preset or definition from a file is stored on the platform first.

    Parameters
    ----------
    extra_exports: see `load_preset`.
    inputs_of: the configuration of the workers: inputs must exist in its storage and be allowed by `inputs.read_from`.
        None if it is not known here.
    jobs: where this machine's handlers and scripts are, to check a job against those that it has.

    Raises
    ------
    InvalidInput: the preset or the details are not valid, two artworks are for the same material, an asset type is
        unknown to the platform, the garment or the job type is missing, or a worker could not read an input.
    StorageError: whether the inputs exist could not be found out.
    NotFound: the platform has no such preset.
    """
    file = Path(request.preset)
    from_file = file.suffix.lower() in (".json", ".yaml", ".yml") or file.is_file()
    preset = read_document(file) if from_file else request.preset
    source = str(request.details_path or DETAILS)
    details = read_document(request.details_path) if request.details_path else {}
    if from_file and is_task(preset):
        preset, details = task_as_job(preset, request.preset)
    if request.garment is not None:
        details = _with_garment(details, request.garment, source)
    order = Order(
        preset=preset,
        details=details,
        job_type=request.job_type,
        priority=request.priority,
        status=request.status,
        preset_source=request.preset,
        details_source=source,
    )
    return place(platform, order, extra_exports=extra_exports, inputs_of=inputs_of, jobs=jobs)


def place(
    platform: Platform,
    order: Order,
    *,
    extra_exports: ExtraExports | None = None,
    inputs_of: Config | None = None,
    jobs: JobsConfig | None = None,
) -> Job:
    """Validate an order and put it into the queue, as `submit` does.

    Raises
    ------
    SubmittedOtherwise: there is another job with the order's id.
    """
    whole = not isinstance(order.preset, str)
    row = platform.preset(order.preset) if isinstance(order.preset, str) else order.preset
    if is_definition(row):
        job = _job_of_definition(row, order, jobs or JobsConfig())
        if earlier := _earlier(platform, job):
            return earlier
        if whole:
            store_definition(platform, row, order.preset_source)
        return _submitted(platform, job)
    preset = load_preset(row, order.preset_source, extra_exports=extra_exports)
    if problems := check_asset_types(preset, platform.asset_types()):
        raise InvalidInput(order.preset_source, problems)
    job = _job_of_preset(preset, order)
    if earlier := _earlier(platform, job):
        return earlier
    if inputs_of is not None:
        resolve_inputs(job.details, open_storage(inputs_of), inputs_of.inputs)
    if whole:
        platform.put_preset(preset.raw)
    return _submitted(platform, job)


def task_as_job(task: Any, source: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The definition and the whole job of a task for the queue, which names a handler or scripts.

    Raises
    ------
    InvalidInput: the task is not valid, or it names a preset or a template.
    """
    kind = load_task(task, source)
    if kind not in ("handler", "scripts"):
        message = "a task for the queue names a handler or scripts; submit the preset itself"
        raise InvalidInput(source, [Problem(f"/{kind}", message)])
    row, details = as_job(task, kind)
    return row, {"details": details, "type": task.get("type"), "priority": task.get("priority")}


def store_definition(platform: Platform, row: Mapping[str, Any], source: str) -> None:
    """Store a definition on the platform. One that is there already is replaced only by a higher version.

    Raises
    ------
    InvalidInput: it is not valid, or another definition is stored with the same version or a higher one.
    """
    load_definition(row, source)
    try:
        there = platform.preset(row["key"])
    except NotFound:
        platform.put_preset(row)
        return
    version, stored = row.get("version") or 0, there["version"] or 0
    if there["details"] == row["details"] and version == stored:
        return
    if version <= stored:
        message = f"found {version}; expected more than {stored}, the version that is stored"
        raise InvalidInput(source, [Problem("/version", message)])
    platform.put_preset(row)


def check_definition(row: Mapping[str, Any], details: Mapping[str, Any], source: str, jobs: JobsConfig) -> None:
    """Check a job for a handler or scripts, as far as this machine can: another one may have more of them.

    Raises
    ------
    InvalidInput: with every problem and its place.
    ConfigError: a handler or script of this machine cannot be used.
    """
    definition = load_definition(row, source)
    load_job_details(details, "job details")
    timeout_of(definition, details, 1)
    if "handler" in definition:
        known = sources(jobs.handlers)
        if definition["handler"] in known:
            handler_parameters(known[definition["handler"]].facts(), definition, details)
        return
    scripts, where, pointer = listed_scripts(row, details)
    any_arguments = ScriptFacts("", {})
    check_scripts(
        scripts,
        (lambda name: script_facts(name, jobs.scripts)) if jobs.scripts else (lambda name: any_arguments),
        where,
        pointer,
    )


def _job_of_definition(row: Mapping[str, Any], order: Order, jobs: JobsConfig) -> NewJob:
    whole = _whole_job(order)
    details = whole.get("details", order.details)
    if not isinstance(details, Mapping):
        raise InvalidInput(order.details_source, [Problem("", "expected an object")])
    check_definition(row, details, order.preset_source, jobs)
    return _new_job(order, whole, row["key"], details, row.get("job_type"))


def _whole_job(order: Order) -> Mapping[str, Any]:
    """The job that the order's details are a part of; empty if they are details alone."""
    given = order.details
    return given if isinstance(given, Mapping) and "details" in given else {}


def _new_job(
    order: Order, whole: Mapping[str, Any], preset_key: str, details: Mapping[str, Any], default_type: str | None
) -> NewJob:
    job_type = order.job_type or whole.get("type") or default_type
    if not job_type:
        problem = Problem("/type", "is missing; expected a job type, here or with --type")
        raise InvalidInput(order.details_source, [problem])
    return NewJob(
        type=str(job_type),
        preset_key=preset_key,
        details=details,
        priority=(whole.get("priority") if order.priority is None else order.priority) or 0,
        requestor_id=order.requestor_id or whole.get("requestor_id"),
        status=order.status,
        id=order.id,
    )


def _submitted(platform: Platform, job: NewJob) -> Job:
    try:
        return platform.submit(job)
    except PlatformError:
        if earlier := _earlier(platform, job):
            return earlier
        raise


def _earlier(platform: Platform, job: NewJob) -> Job | None:
    """The job that an earlier submission of the same order made; None for a job that does not name its id."""
    if job.id is None:
        return None
    try:
        found = platform.job(job.id)
    except NotFound:
        return None
    if (found.type, found.preset_key, found.details) != (job.type, job.preset_key, job.details):
        raise SubmittedOtherwise(f"job {job.id} was submitted with other contents")
    return found


def _with_garment(details: Any, garment: Path, source: str) -> Any:
    uri = {"input_file_uri": garment.resolve().as_uri()}
    raw = {**load_job_details(details, source).raw, **uri}
    return {**details, "details": raw} if "details" in details else raw


def _job_of_preset(preset: Preset, order: Order) -> NewJob:
    details = load_job_details(order.details, order.details_source)
    check_details(details.raw)
    if not (details.input_file_uri or details.body_code):
        problem = Problem("/input_file_uri", "is missing; expected a garment, or a body_code")
        raise InvalidInput(order.details_source, [problem])
    return _new_job(order, _whole_job(order), preset.key, details.raw, preset.job_type)
