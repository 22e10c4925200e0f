"""What our templates share: a session's two environments, the common parameters, the form of an action."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config import ENGINE_KINDS
from .text import Template, constant_json

STAGE_TIMEOUT_S = 1800
START_TIMEOUT_S = 900
END_TIMEOUT_S = 300
CONNECTION_FILE = "{{Session.WorkingDirectory}}/connection.json"
JOB_FILE = "{{Session.WorkingDirectory}}/job.json"


def environments(preset_row: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """The two environments of every session: the staged inputs, and the engine with the garment open."""
    return [_working_directory(preset_row or {}), _vstitcher()]


def files_environment() -> dict[str, Any]:
    """The environment that stages the input files of a handler, and removes them."""
    return {
        "name": "WorkingDirectory",
        "description": "Stages the input files, and removes them.",
        "script": {
            "actions": {
                "onEnter": action(
                    "openjd-vs",
                    ["stage", "--into", "{{Session.WorkingDirectory}}"],
                    ["--manifest", "{{Param.InputsManifest}}"],
                    ["--job-id", "{{Param.JobId}}"],
                    ["--output-dir", "{{Param.OutputDir}}"],
                    timeout=STAGE_TIMEOUT_S,
                ),
                "onExit": action("openjd-vs", ["teardown", "{{Session.WorkingDirectory}}"], timeout=END_TIMEOUT_S),
            }
        },
    }


def environment_templates() -> list[Template]:
    """The same two as environment templates, for job templates that bring none: enter them in this order."""
    used = {
        "WorkingDirectory": ("GarmentFile", "InputsManifest", "OutputDir", "JobId"),
        "VStitcher": ("OutputDir", "Engine"),
    }
    return [
        {
            "specificationVersion": "environment-2023-09",
            "parameterDefinitions": [d for d in common_parameters() if d["name"] in used[environment["name"]]],
            "environment": environment,
        }
        for environment in environments()
    ]


def parameter_values(
    *,
    job_id: str,
    output_dir: str,
    garment_file: str = "",
    inputs_manifest: str = "",
    engine: str = "auto",
) -> dict[str, str]:
    """The parameter values of a job for a translated template.

    Parameters
    ----------
    output_dir, garment_file, inputs_manifest: absolute local paths; one of the last two is not empty.
    """
    values = {
        "GarmentFile": garment_file,
        "InputsManifest": inputs_manifest,
        "OutputDir": output_dir,
        "JobId": job_id,
        "Engine": engine,
    }
    return {name: value for name, value in values.items() if value}


def common_parameters() -> list[dict[str, Any]]:
    return [
        {
            "name": "GarmentFile",
            "type": "PATH",
            "objectType": "FILE",
            "dataFlow": "IN",
            "default": "",
            "description": "The garment on this machine or attached to the job. Give this or the inputs manifest.",
            "userInterface": {
                "control": "CHOOSE_INPUT_FILE",
                "label": "Garment",
                "groupLabel": "Inputs",
                "fileFilters": [
                    {"label": "Garments", "patterns": ["*.bw", "*.vsgx", "*.vsp", "*.glb", "*.obj"]},
                    {"label": "All files", "patterns": ["*"]},
                ],
            },
        },
        {
            "name": "InputsManifest",
            "type": "PATH",
            "objectType": "FILE",
            "dataFlow": "IN",
            "default": "",
            "description": "What to stage (garment, artwork), as a JSON list of URLs. Written by the adapter daemon.",
            "userInterface": {"control": "CHOOSE_INPUT_FILE", "label": "Inputs manifest", "groupLabel": "Inputs"},
        },
        {
            "name": "OutputDir",
            "type": "PATH",
            "objectType": "DIRECTORY",
            "dataFlow": "OUT",
            "default": "./output",
            "description": "Where the exports go.",
            "userInterface": {
                "control": "CHOOSE_DIRECTORY",
                "label": "Output directory",
                "groupLabel": "Outputs",
            },
        },
        {
            "name": "JobId",
            "type": "STRING",
            "default": "local",
            "minLength": 1,
            "maxLength": 64,
            "description": "The job's id on the platform.",
            "userInterface": {"control": "LINE_EDIT", "label": "Job id", "groupLabel": "Job"},
        },
        {
            "name": "Engine",
            "type": "STRING",
            "default": "auto",
            "allowedValues": list(ENGINE_KINDS),
            "description": "What makes the exports; auto takes what the machine has.",
            "userInterface": {"control": "DROPDOWN_LIST", "label": "Engine", "groupLabel": "Engine"},
        },
    ]


def _working_directory(preset_row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": "WorkingDirectory",
        "description": "Stages the inputs, and removes what it staged.",
        "script": {
            "embeddedFiles": [json_file("JobData", "job-data.json", {"preset": _told(preset_row)})],
            "actions": {
                "onEnter": action(
                    "openjd-vs",
                    ["stage", "--into", "{{Session.WorkingDirectory}}"],
                    ["--garment", "{{Param.GarmentFile}}"],
                    ["--manifest", "{{Param.InputsManifest}}"],
                    ["--job-id", "{{Param.JobId}}"],
                    ["--output-dir", "{{Param.OutputDir}}"],
                    ["--job-data", "file://{{Env.File.JobData}}"],
                    timeout=STAGE_TIMEOUT_S,
                ),
                "onExit": action("openjd-vs", ["teardown", "{{Session.WorkingDirectory}}"], timeout=END_TIMEOUT_S),
            },
        },
    }


def _told(preset_row: Mapping[str, Any]) -> dict[str, Any]:
    """A preset's row without what only its table knows: when it was written, and columns that are empty."""
    return {name: v for name, v in preset_row.items() if v is not None and name not in ("created_at", "updated_at")}


def _vstitcher() -> dict[str, Any]:
    return {
        "name": "VStitcher",
        "description": "Starts the engine and opens the garment, once for the session.",
        "script": {
            "actions": {
                "onEnter": action(
                    "vstitcher-openjd",
                    ["daemon", "start", "--connection-file", CONNECTION_FILE],
                    ["--job", JOB_FILE],
                    ["--engine", "{{Param.Engine}}"],
                    ["--output-dir", "{{Param.OutputDir}}"],
                    timeout=START_TIMEOUT_S,
                ),
                "onExit": action(
                    "vstitcher-openjd",
                    ["daemon", "stop", "--connection-file", CONNECTION_FILE],
                    timeout=END_TIMEOUT_S,
                ),
            }
        },
    }


def json_file(name: str, filename: str, data: Any) -> dict[str, Any]:
    return {"name": name, "type": "TEXT", "filename": filename, "data": constant_json(data) + "\n"}


def action(command: str, *args: list[str], timeout: int, notify_s: int = 30) -> dict[str, Any]:
    """An action of a template.

    Parameters
    ----------
    timeout: how long it may take, in seconds.
    notify_s: how long it may take to end when it is canceled, in seconds.
    """
    return {
        "command": command,
        "args": [arg for group in args for arg in group],
        "timeout": timeout,
        "cancelation": {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": notify_s},
    }
