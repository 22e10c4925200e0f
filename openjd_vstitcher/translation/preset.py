"""From a preset to an Open Job Description template, and from a job to its parameter values.

Pure and deterministic: the same preset gives the same bytes. Nothing here reads a file, a clock or a network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..presets import Export, Preset
from .environments import CONNECTION_FILE, action, common_parameters, environments, json_file
from .text import MAX_NAME, Template, plain, step_name

EXPORT_TIMEOUT_S = 3900
"""Above the engine's own limit (60 minutes by default), which ends a run with a better message."""
PACK_TIMEOUT_S = 600

_MAX_DESCRIPTION = 2000


def translate(preset: Preset) -> Template:
    """The job template of a preset, as the specification `jobtemplate-2023-09` has it, with no extension.

    Every export becomes a step that carries the mutations before it, so that any step can run in any session. A
    turntable becomes a step with one task per picture, and a step that packs them.
    """
    snapshots = _snapshot_parameters(preset)
    return {
        "specificationVersion": "jobtemplate-2023-09",
        "name": plain(preset.key)[: MAX_NAME - 1] + " {{Param.JobId}}",
        "description": _description(preset),
        "parameterDefinitions": [*common_parameters(), *_open_parameters(preset), *snapshots.values()],
        "jobEnvironments": environments(preset.raw),
        "steps": [
            step
            for order, export in enumerate(preset.exports, start=1)
            for step in _steps(order, export, snapshots.get(export.index, {}).get("name"))
        ],
    }


def details_parameters(job: Mapping[str, Any]) -> dict[str, str]:
    """The parameter values that a job decides without looking anything up: its id, and a local garment."""
    details = job.get("details", job)
    garment = str(details.get("input_file_uri") or "")
    values = {"JobId": str(job.get("id", "")), "GarmentFile": "" if "://" in garment else garment}
    return {name: value for name, value in values.items() if value}


def _description(preset: Preset) -> str:
    title = preset.raw.get("description") or preset.raw.get("name") or preset.key
    outputs = ", ".join(export.output_file_name for export in preset.exports) or "no output"
    text = f"{plain(str(title))}: {plain(outputs)}."
    return text if len(text) <= _MAX_DESCRIPTION else text[: _MAX_DESCRIPTION - 1] + "…"


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
            "default": export.snapshots,
            "minValue": 1,
            "maxValue": 1024,
            "description": f"Pictures of {plain(export.output_file_name)}.",
            "userInterface": {
                "control": "SPIN_BOX",
                "label": "Turntable snapshots" if place == 1 else f"Turntable snapshots {place}",
                "groupLabel": "Exports",
            },
        }
        for place, export in enumerate(turntables, start=1)
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
                    "onRun": action(
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
            "onRun": action(
                "vstitcher-openjd",
                ["daemon", "run", "--connection-file", CONNECTION_FILE],
                ["--run-data", "file://{{Task.File.RunData}}"],
                ["--output-dir", "{{Param.OutputDir}}"],
                *choices,
                *extra,
                timeout=EXPORT_TIMEOUT_S,
            )
        },
    }


def _run_data(export: Export) -> dict[str, Any]:
    return json_file(
        "RunData",
        "run-data.json",
        {
            "instruction": export.index,
            "mutations": [mutation.raw for mutation in export.mutations],
            "export": export.raw,
        },
    )
