"""From a preset to an Open Job Description template, and from a job to its parameter values.

Pure and deterministic: the same preset gives the same bytes. Nothing here reads a file, a clock or a network.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from .presets import DEFAULT_SNAPSHOTS, Export, Preset

STAGE_TIMEOUT_S = 1800
START_TIMEOUT_S = 900
EXPORT_TIMEOUT_S = 3900
"""Above the engine's own limit (60 minutes by default), which ends a run with a better message."""
PACK_TIMEOUT_S = 600
END_TIMEOUT_S = 300

_MAX_NAME = 64
_MAX_DESCRIPTION = 2000
_CONNECTION_FILE = "{{Session.WorkingDirectory}}/connection.json"
_JOB_FILE = "{{Session.WorkingDirectory}}/job.json"
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')

Template = dict[str, Any]


def translate(preset: Preset) -> Template:
    """The job template of a preset, as the specification `jobtemplate-2023-09` has it, with no extension.

    Every export becomes a step that carries the mutations before it, so that any step can run in any session. A
    turntable becomes a step with one task per picture, and a step that packs them.
    """
    snapshots = _snapshot_parameters(preset)
    return {
        "specificationVersion": "jobtemplate-2023-09",
        "name": _plain(preset.key)[: _MAX_NAME - 1] + " {{Param.JobId}}",
        "description": _description(preset),
        "parameterDefinitions": [*_common_parameters(), *_open_parameters(preset), *snapshots.values()],
        "jobEnvironments": environments(preset.raw),
        "steps": [
            step
            for order, export in enumerate(preset.exports, start=1)
            for step in _steps(order, export, snapshots.get(export.index, {}).get("name"))
        ],
    }


def environments(preset_row: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """The two environments of every session: the staged inputs, and the engine with the garment open."""
    return [_working_directory(preset_row or {}), _vstitcher()]


def environment_templates() -> list[Template]:
    """The same two as environment templates, for job templates that bring none: enter them in this order."""
    used = {
        "WorkingDirectory": ("GarmentFile", "InputsManifest", "OutputDir", "JobId"),
        "VStitcher": ("OutputDir", "Engine"),
    }
    return [
        {
            "specificationVersion": "environment-2023-09",
            "parameterDefinitions": [d for d in _common_parameters() if d["name"] in used[environment["name"]]],
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


def details_parameters(job: Mapping[str, Any]) -> dict[str, str]:
    """The parameter values that a job decides without looking anything up: its id, and a local garment."""
    details = job.get("details", job)
    garment = str(details.get("input_file_uri") or "")
    values = {"JobId": str(job.get("id", "")), "GarmentFile": "" if "://" in garment else garment}
    return {name: value for name, value in values.items() if value}


def to_yaml(template: Template) -> str:
    """The template as YAML, the same text for the same template."""
    return yaml.dump(template, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=118)


def template_digest(template: Template) -> str:
    """SHA-256 of the template's YAML, in hexadecimal: what an asset's provenance names."""
    return hashlib.sha256(to_yaml(template).encode()).hexdigest()


def constant_json(value: Any) -> str:
    """JSON that passes through an embedded file of a template unchanged.

    Embedded text is a format string: `{{` and `}}` in it would be read as references. Indentation keeps the braces of
    the structure apart, and braces inside strings are written as escapes. Keys are in alphabetical order: a database
    keeps no other, and the same preset shall give the same bytes wherever it comes from.
    """
    text = json.dumps(value, indent=2, ensure_ascii=True, sort_keys=True, allow_nan=False)
    return _JSON_STRING.sub(lambda m: m[0].replace("{", "\\u007b").replace("}", "\\u007d"), text)


def step_name(order: int, name: str) -> str:
    """A step's name: its place among the exports and its file; at most 64 characters and still unique and readable."""
    full = f"{order:02d} {_plain(name)}"
    if len(full) <= _MAX_NAME:
        return full
    stem, dot, suffix = full.rpartition(".")
    ending = f"~{hashlib.sha256(name.encode()).hexdigest()[:8]}" + (dot + suffix if dot and len(suffix) <= 8 else "")
    return (stem if dot else full)[: _MAX_NAME - len(ending)] + ending


def _plain(text: str) -> str:
    """Text that a name may hold: no control characters, and no braces that a format string would read."""
    text = "".join(" " if ord(c) < 32 or 127 <= ord(c) < 160 else c for c in text)
    return text.replace("{", "(").replace("}", ")")


def _description(preset: Preset) -> str:
    title = preset.raw.get("description") or preset.raw.get("name") or preset.key
    outputs = ", ".join(export.output_file_name for export in preset.exports) or "no output"
    text = f"{_plain(str(title))}: {_plain(outputs)}."
    return text if len(text) <= _MAX_DESCRIPTION else text[: _MAX_DESCRIPTION - 1] + "…"


def _common_parameters() -> list[dict[str, Any]]:
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
            "allowedValues": ["auto", "vs-cli", "vstitcher", "standin"],
            "description": "What makes the exports; auto takes what the machine has.",
            "userInterface": {"control": "DROPDOWN_LIST", "label": "Engine", "groupLabel": "Engine"},
        },
    ]


def _open_parameters(preset: Preset) -> list[dict[str, Any]]:
    """Parameters for the choices that the preset leaves open."""
    choices = {
        "Colorway": ("colorway", "Name or id of the colorway; empty: the garment's current one."),
        "GarmentSnapshot": ("snapshot", "Name or id of the garment's snapshot; empty: the garment as saved."),
    }
    return [
        {
            "name": name,
            "type": "STRING",
            "default": "",
            "maxLength": 200,
            "description": text,
            "userInterface": {
                "control": "LINE_EDIT",
                "label": {"GarmentSnapshot": "Garment snapshot"}.get(name, name),
                "groupLabel": "Garment",
            },
        }
        for name, (field, text) in choices.items()
        if any(field not in export.raw for export in preset.exports)
    ]


def _snapshot_parameters(preset: Preset) -> dict[int, dict[str, Any]]:
    """A parameter for each turntable, by the index of its instruction: how many pictures it has."""
    turntables = [export for export in preset.exports if export.export_type == "TURNTABLE"]
    return {
        export.index: {
            "name": "Snapshots" if place == 1 else f"Snapshots{place}",
            "type": "INT",
            "default": export.snapshots if "number_of_snapshots" in export.raw else DEFAULT_SNAPSHOTS,
            "minValue": 1,
            "maxValue": 1024,
            "description": f"Pictures of {_plain(export.output_file_name)}.",
            "userInterface": {
                "control": "SPIN_BOX",
                "label": "Turntable snapshots" if place == 1 else f"Turntable snapshots {place}",
                "groupLabel": "Exports",
            },
        }
        for place, export in enumerate(turntables, start=1)
    }


def _working_directory(preset_row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": "WorkingDirectory",
        "description": "Stages the inputs, and removes what it staged.",
        "script": {
            "embeddedFiles": [_json_file("JobData", "job-data.json", {"preset": _told(preset_row)})],
            "actions": {
                "onEnter": _action(
                    "openjd-vs",
                    ["stage", "--into", "{{Session.WorkingDirectory}}"],
                    ["--garment", "{{Param.GarmentFile}}"],
                    ["--manifest", "{{Param.InputsManifest}}"],
                    ["--job-id", "{{Param.JobId}}"],
                    ["--output-dir", "{{Param.OutputDir}}"],
                    ["--job-data", "file://{{Env.File.JobData}}"],
                    timeout=STAGE_TIMEOUT_S,
                ),
                "onExit": _action("openjd-vs", ["teardown", "{{Session.WorkingDirectory}}"], timeout=END_TIMEOUT_S),
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
                "onEnter": _action(
                    "vstitcher-openjd",
                    ["daemon", "start", "--connection-file", _CONNECTION_FILE],
                    ["--job", _JOB_FILE],
                    ["--engine", "{{Param.Engine}}"],
                    ["--output-dir", "{{Param.OutputDir}}"],
                    timeout=START_TIMEOUT_S,
                ),
                "onExit": _action(
                    "vstitcher-openjd",
                    ["daemon", "stop", "--connection-file", _CONNECTION_FILE],
                    timeout=END_TIMEOUT_S,
                ),
            }
        },
    }


def _steps(order: int, export: Export, snapshots: str | None) -> list[dict[str, Any]]:
    name = step_name(order, export.output_file_name)
    if snapshots is None:
        return [{"name": name, "script": _export_script(export)}]
    frames = step_name(order, f"{export.output_file_name} frames")
    return [
        {
            "name": frames,
            "parameterSpace": {
                "taskParameterDefinitions": [
                    {"name": "Frame", "type": "INT", "range": f"1-{{{{Param.{snapshots}}}}}"},
                ]
            },
            "script": _export_script(
                export, ["--frame", "{{Task.Param.Frame}}"], ["--frames", f"{{{{Param.{snapshots}}}}}"]
            ),
        },
        {
            "name": name,
            "dependencies": [{"dependsOn": frames}],
            "script": {
                "embeddedFiles": [_run_data(export)],
                "actions": {
                    "onRun": _action(
                        "openjd-vs",
                        ["pack", "--run-data", "file://{{Task.File.RunData}}"],
                        ["--output-dir", "{{Param.OutputDir}}"],
                        ["--frames", f"{{{{Param.{snapshots}}}}}"],
                        timeout=PACK_TIMEOUT_S,
                    )
                },
            },
        },
    ]


def _export_script(export: Export, *extra: list[str]) -> dict[str, Any]:
    choices = [
        [option, f"{{{{Param.{parameter}}}}}"]
        for field, option, parameter in (
            ("colorway", "--colorway", "Colorway"),
            ("snapshot", "--garment-snapshot", "GarmentSnapshot"),
        )
        if field not in export.raw
    ]
    return {
        "embeddedFiles": [_run_data(export)],
        "actions": {
            "onRun": _action(
                "vstitcher-openjd",
                ["daemon", "run", "--connection-file", _CONNECTION_FILE],
                ["--run-data", "file://{{Task.File.RunData}}"],
                ["--output-dir", "{{Param.OutputDir}}"],
                *choices,
                *extra,
                timeout=EXPORT_TIMEOUT_S,
            )
        },
    }


def _run_data(export: Export) -> dict[str, Any]:
    return _json_file(
        "RunData",
        "run-data.json",
        {
            "instruction": export.index,
            "mutations": [mutation.raw for mutation in export.mutations],
            "export": export.raw,
        },
    )


def _json_file(name: str, filename: str, data: Any) -> dict[str, Any]:
    return {"name": name, "type": "TEXT", "filename": filename, "data": constant_json(data) + "\n"}


def _action(command: str, *args: list[str], timeout: int) -> dict[str, Any]:
    return {
        "command": command,
        "args": [arg for group in args for arg in group],
        "timeout": timeout,
        "cancelation": {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": 30},
    }


class _Dumper(yaml.SafeDumper):
    """Writes embedded files as literal blocks, and no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_str(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_str)
