"""Validates a request and submits it to the queue as a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .actions.script_files import script_facts
from .config.job_kinds import JobsConfig
from .documents import read_document
from .errors import InvalidInput, NotFound, Problem
from .handlers.discovery import sources
from .platform.ports import Platform
from .platform.values import Job, JobStatus, NewJob
from .presets import Preset, check_asset_types, load_job_details, load_preset
from .storage.inputs.resolve import check_details
from .translation.definition import is_definition, load_definition, timeout_of
from .translation.handler import handler_parameters
from .translation.scripts import ScriptFacts, check_scripts, listed_scripts
from .translation.task import as_job, is_task, load_task


@dataclass(frozen=True)
class Request:
    """A job to submit.

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


def submit(
    platform: Platform,
    request: Request,
    *,
    extra_exports: Mapping[str, Mapping[str, Any]] | None = None,
    jobs: JobsConfig | None = None,
) -> Job:
    """Validate a request and put it into the queue; a preset or definition from a file is stored on the platform first.

    Parameters
    ----------
    extra_exports: see `load_preset`.
    jobs: where this machine's handlers and scripts are, to check the job against those that it has.

    Raises
    ------
    InvalidInput: the preset, the definition or the details are not valid, two artworks are for the same material, an
        asset type is unknown to the platform, or the garment or the job type is missing.
    NotFound: the platform has no such preset.
    """
    file = Path(request.preset)
    from_file = file.suffix.lower() in (".json", ".yaml", ".yml") or file.is_file()
    row = read_document(file) if from_file else platform.preset(request.preset)
    if from_file and is_task(row):
        return submit_task(platform, row, request, jobs or JobsConfig())
    if is_definition(row):
        given = read_document(request.details_path) if request.details_path else {}
        return _submit_definition(platform, row, given, request, jobs or JobsConfig(), store=from_file)
    preset = load_preset(row, request.preset, extra_exports=extra_exports)
    if problems := check_asset_types(preset, platform.asset_types()):
        raise InvalidInput(request.preset, problems)
    given = read_document(request.details_path) if request.details_path else {}
    job = _new_job(preset, given, request)
    if from_file:
        platform.put_preset(row)
    return platform.submit(job)


def submit_task(platform: Platform, task: Any, request: Request, jobs: JobsConfig) -> Job:
    """Validate a task that names a handler or scripts, and put it into the queue.

    Raises
    ------
    InvalidInput: the task is not valid, or it names a preset or a template.
    """
    kind = load_task(task, request.preset)
    if kind not in ("handler", "scripts"):
        message = "a task for the queue names a handler or scripts; submit the preset itself"
        raise InvalidInput(request.preset, [Problem(f"/{kind}", message)])
    row, details = as_job(task, kind)
    given = {"details": details, "type": task.get("type"), "priority": task.get("priority")}
    return _submit_definition(platform, row, given, request, jobs, store=True)


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


def _submit_definition(
    platform: Platform, row: Mapping[str, Any], given: Any, request: Request, jobs: JobsConfig, *, store: bool
) -> Job:
    source = str(request.details_path or "job details")
    whole = isinstance(given, Mapping) and "details" in given
    details = given["details"] if whole else given
    if not isinstance(details, Mapping):
        raise InvalidInput(source, [Problem("", "expected an object")])
    check_definition(row, details, request.preset, jobs)
    job = NewJob(
        type=_job_type(request, given if whole else {}, row.get("job_type"), source),
        preset_key=row["key"],
        details=details,
        priority=_priority(request, given if whole else {}),
        requestor_id=given.get("requestor_id") if whole else None,
        status=request.status,
    )
    if store:
        store_definition(platform, row, request.preset)
    return platform.submit(job)


def _job_type(request: Request, row: Mapping[str, Any], default: str | None, source: str) -> str:
    job_type = request.job_type or row.get("type") or default
    if not job_type:
        raise InvalidInput(source, [Problem("/type", "is missing; expected a job type, here or with --type")])
    return str(job_type)


def _priority(request: Request, row: Mapping[str, Any]) -> int:
    return (row.get("priority") if request.priority is None else request.priority) or 0


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
    return NewJob(
        type=_job_type(request, row, preset.job_type, source),
        preset_key=preset.key,
        details=raw,
        priority=_priority(request, row),
        requestor_id=row.get("requestor_id"),
        status=request.status,
    )
