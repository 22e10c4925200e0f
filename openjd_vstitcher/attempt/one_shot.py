"""Runs one task of any kind on this machine, with no queue and no storage: what `openjd-vs run-task` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..config import Config
from ..errors import InvalidInput, Problem
from ..files import write_json
from ..names import safe_name
from ..presets import load_job_details
from ..session.plan import make_plan
from ..storage.adapters import open_storage
from ..storage.inputs.manifest import InputEntry, write_manifest
from ..storage.inputs.resolve import resolve_files, resolve_inputs
from ..translation.check import decode
from ..translation.kinds import translate_job
from ..translation.task import as_job, load_task
from .directory import AttemptDirectory
from .local import Rendering, Request, prepare
from .prepare import job_context, write_files_manifest

TASK_ID = "cli"
"""The job id of a task that no queue knows."""


def prepare_task(
    task: Any, source: str, *, base: Path, output: Path, directory: AttemptDirectory, config: Config
) -> Rendering:
    """Validate a task and plan it. Nothing has started then.

    Parameters
    ----------
    task: as `schemas/task.schema.json` describes it.
    source: how errors name it.
    base: the directory that a path of a preset or template in the task is relative to.
    output: the output directory, absolute.
    directory: takes what is written for the session.

    Raises
    ------
    InvalidInput: with every problem found, each at its place.
    """
    kind = load_task(task, source)
    if kind in ("handler", "scripts"):
        row, details = as_job(task, kind)
        context = replace(job_context(directory, config, None), output_dir=str(output))
        job = translate_job({"id": TASK_ID, "details": details}, row, context)
        write_files_manifest(directory, _files(job.files, base, config))
        plan = make_plan(decode(job.template, source), job.parameters, source=source, base=base)
        return Rendering(plan, output, (), job.output_types)
    given: Mapping[str, Any] = task.get("parameters", {})
    if kind == "preset":
        given = {"JobId": TASK_ID, **_inputs(task.get("details", {}), source, base, directory, config)}
    file = base / task[kind] if isinstance(task[kind], str) else directory.path / f"{kind}.json"
    if not isinstance(task[kind], str):
        write_json(file, task[kind])
    return prepare(Request(file, given), output=output, directory=directory, config=config)


def _files(files: Mapping[str, str], base: Path, config: Config) -> dict[str, InputEntry]:
    """The input files of a handler. The user of this machine named them, so any local path is allowed."""
    local = {name: base / uri for name, uri in files.items() if "://" not in uri}
    for name, path in local.items():
        if not path.is_file():
            raise InvalidInput("task", [Problem(f"/parameters/{name}", f"{path} is not a readable file")])
    remote = {name: uri for name, uri in files.items() if name not in local}
    return {
        **{name: InputEntry("input", safe_name(path.name), path.resolve().as_uri()) for name, path in local.items()},
        **resolve_files(remote, open_storage(config), config.inputs, own_urls=True),
    }


def _inputs(
    details: Mapping[str, Any], source: str, base: Path, directory: AttemptDirectory, config: Config
) -> dict[str, str]:
    """The parameters that name the inputs of a preset: the garment, or a manifest where there is artwork too."""
    checked = load_job_details(details, source)
    others = {name for name in checked.raw if "artwork" in name and checked.raw[name]}
    garment = checked.input_file_uri
    if garment and not others:
        return {"GarmentFile": garment if "://" in garment else str(base / garment)}
    write_manifest(
        directory.inputs, resolve_inputs(checked.raw, open_storage(config), config.inputs, own_urls=True), checked.raw
    )
    return {"InputsManifest": str(directory.inputs)}
