"""Presets and job details as typed values, validated against `schemas/`. Pure: no network, no processes."""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .documents import data_problems
from .errors import InvalidInput, Problem
from .names import unsafe_reason
from .preset_rules import rule_problems, text_of
from .validation import schema_problems, shipped_schema

_ASSET_TYPES = {"DXA_BODY_ASSET_BUNDLE": "DXA_ASSET_BUNDLE"}
"""Export types whose asset type has another name; every other one is its own asset type."""

ASSET_TYPE_KEY = "x-asset-type"
"""Where the JSON Schema of a custom export type names the asset type of its output."""

_UNPROVEN_MUTATIONS = ("REMOVE_SYMMETRY",)
_UNPROVEN = "no documented call of VStitcher makes this change"

DEFAULT_SNAPSHOTS = 24
"""Number of turntable pictures if the preset has no `number_of_snapshots`."""


@dataclass(frozen=True)
class Mutation:
    """An instruction that changes the open garment.

    Parameters
    ----------
    raw: the whole instruction, including fields unknown to this project.
    """

    mutation_type: str
    raw: Mapping[str, Any]


@dataclass(frozen=True)
class Export:
    """An instruction that makes one output file.

    Parameters
    ----------
    index: its zero-based position among the preset's instructions.
    asset_type: the type of the output in the asset catalogue.
    mutations: the mutations that precede it in the preset, in order.
    raw: the whole instruction, including fields unknown to this project.
    """

    index: int
    export_type: str
    output_file_name: str
    asset_type: str
    mutations: tuple[Mutation, ...]
    raw: Mapping[str, Any]

    @property
    def upload(self) -> bool:
        """True if the output is to be stored and registered. It is made in either case."""
        return bool(self.raw.get("upload_to_s3", True))

    @property
    def snapshots(self) -> int:
        """The number of turntable pictures."""
        return int(self.raw.get("number_of_snapshots", DEFAULT_SNAPSHOTS))


@dataclass(frozen=True)
class Preset:
    """A row of `platform.job_preset`.

    Parameters
    ----------
    exports: the exports in order, each with the mutations that precede it.
    raw: the whole row.
    """

    key: str
    exports: tuple[Export, ...]
    hide_previous_style_assets: bool
    job_type: str | None
    raw: Mapping[str, Any]


@dataclass(frozen=True)
class JobDetails:
    """The inputs of a job: the column `details` of `platform.job`.

    Parameters
    ----------
    raw: all details, including the artwork inputs and fields unknown to this project.
    """

    style_id: str | None = None
    body_id: str | None = None
    body_code: str | None = None
    input_file_uri: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)


def load_preset(
    data: Any, source: str = "preset", *, extra_exports: Mapping[str, Mapping[str, Any]] | None = None
) -> Preset:
    """Validate a preset row.

    Parameters
    ----------
    data: the row as JSON data.
    source: what error messages call it, such as the file's path.
    extra_exports: custom export and mutation types, each with the JSON Schema of its instruction.

    Raises
    ------
    InvalidInput: the row is invalid; all problems are listed, each with its JSON pointer.
    """
    if problems := data_problems(data):
        raise InvalidInput(source, problems)
    custom = dict(extra_exports or {})
    problems = _problems(_preset_schema(sorted(custom)), data)
    instructions = _instructions(data)
    problems += rule_problems(data, instructions)
    for index, instruction in enumerate(instructions):
        schema = custom.get(text_of(instruction, "export_type") or text_of(instruction, "mutation_type"))
        if schema is not None:
            found = schema_problems(schema, instruction)
            problems += [Problem(f"/details/instructions/{index}{p.pointer}", p.message) for p in found]
    if problems:
        raise InvalidInput(source, _one_for_each_place(problems))
    details = data["details"]
    return Preset(
        key=data["key"],
        exports=tuple(_exports(instructions, {**_ASSET_TYPES, **_declared_asset_types(custom)})),
        hide_previous_style_assets=details.get("should_hide_previous_style_assets", False),
        job_type=data.get("job_type"),
        raw=data,
    )


def check_asset_types(preset: Preset, known: Collection[str] | None) -> list[Problem]:
    """Problems of exports that are uploaded as an asset type that the platform does not have.

    Parameters
    ----------
    known: the platform's asset types; None if they are unknown, which finds no problem.
    """
    if known is None:
        return []
    return [
        _unknown_asset_type(export, known)
        for export in preset.exports
        if export.upload and export.asset_type not in known
    ]


def _unknown_asset_type(export: Export, known: Collection[str]) -> Problem:
    pointer = f"/details/instructions/{export.index}"
    names = f"one of {', '.join(sorted(known))}"
    if export.raw.get("asset_type"):
        return Problem(f"{pointer}/asset_type", f"unknown to the platform: {export.asset_type!r}; expected {names}")
    return Problem(
        f"{pointer}/export_type",
        f"its asset type {export.asset_type!r} is unknown to the platform; expected asset_type, "
        f"or {ASSET_TYPE_KEY} in the schema of {export.export_type}, to name {names}",
    )


def unproven_changes(preset: Preset, custom: Collection[str] = ()) -> list[Problem]:
    """Instructions that ask for a change of the garment that no documented call of VStitcher makes.

    Parameters
    ----------
    custom: custom export and mutation types; a mutation among them is not the plugin's.
    """
    instructions = preset.raw["details"]["instructions"]
    found = []
    for index, instruction in enumerate(instructions):
        pointer = f"/details/instructions/{index}"
        mutation = instruction.get("mutation_type")
        if mutation in _UNPROVEN_MUTATIONS and mutation not in custom:
            found.append(Problem(f"{pointer}/mutation_type", f"{mutation}: {_UNPROVEN}"))
        if instruction.get("set_seam_allowance_symmetrically"):
            found.append(Problem(f"{pointer}/set_seam_allowance_symmetrically", _UNPROVEN))
    return found


def load_job_details(data: Any, source: str = "job details") -> JobDetails:
    """Validate job details, or a whole job row with the details under `details`.

    Raises
    ------
    InvalidInput: the details are invalid; all problems are listed, each with its JSON pointer.
    """
    prefix = ""
    if isinstance(data, dict) and "details" in data and ("preset_key" in data or "type" in data):
        data, prefix = data["details"], "/details"
    problems = data_problems(data) or _problems(shipped_schema("job_details"), data)
    if problems:
        raise InvalidInput(source, [Problem(prefix + p.pointer, p.message) for p in problems])
    return JobDetails(
        style_id=data.get("style_id"),
        body_id=data.get("body_id"),
        body_code=data.get("body_code"),
        input_file_uri=data.get("input_file_uri"),
        raw=data,
    )


def _exports(instructions: Sequence[Mapping[str, Any]], asset_types: Mapping[str, str]) -> Iterator[Export]:
    mutations: list[Mutation] = []
    for index, instruction in enumerate(instructions):
        if instruction["type"] == "MUTATION":
            mutations.append(Mutation(instruction["mutation_type"], instruction))
        else:
            export_type = instruction["export_type"]
            yield Export(
                index=index,
                export_type=export_type,
                output_file_name=instruction["output_file_name"],
                asset_type=instruction.get("asset_type") or asset_types.get(export_type, export_type),
                mutations=tuple(mutations),
                raw=instruction,
            )


def _declared_asset_types(extra_exports: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {name: schema[ASSET_TYPE_KEY] for name, schema in extra_exports.items() if ASSET_TYPE_KEY in schema}


def _instructions(data: Any) -> list[Mapping[str, Any]]:
    """The instructions of a row that may be malformed; {} in place of an instruction that is not an object."""
    details = data.get("details") if isinstance(data, dict) else None
    found = details.get("instructions") if isinstance(details, dict) else None
    return [i if isinstance(i, dict) else {} for i in found] if isinstance(found, list) else []


def _one_for_each_place(problems: Sequence[Problem]) -> list[Problem]:
    return list({problem.pointer: problem for problem in reversed(problems)}.values())[::-1]


def _preset_schema(custom_types: Sequence[str]) -> Mapping[str, Any]:
    """The schema of a preset that may also use these export and mutation types."""
    schema = shipped_schema("job_preset")
    if custom_types:
        schema = copy.deepcopy(schema)
        for kind in ("export", "mutation"):
            known = schema["$defs"][kind]["properties"][f"{kind}_type"]["enum"]
            known.extend(name for name in custom_types if name not in known)
    return schema


def _problems(schema: Mapping[str, Any], data: Any) -> list[Problem]:
    return schema_problems(schema, data, expected=_EXPECTED, explain={"output_file_name": _bad_name})


def _bad_name(name: str) -> str:
    """Why a file name is not allowed, as a predicate."""
    if re.match(r"[A-Za-z]:", name):
        return "starts with a drive letter"
    return unsafe_reason(name) or "is not a valid file name"


_EXPECTED = {
    "type": "EXPORT or MUTATION",
    "key": "the preset's key",
    "details": "an object with the instructions",
    "instructions": "a non-empty list of instructions",
    "export_type": "an export type such as MEDIA_RENDER",
    "mutation_type": "a mutation type such as DELETE_TRIMS",
    "output_file_name": "a plain file name such as front.png",
    "remote_destination": "s3://bucket/prefix, file:///directory or a path, without '..'",
    "camera_position": "an object with x, y and z in cm",
    "x": "a number in cm",
    "y": "a number in cm",
    "z": "a number in cm",
    "remote_file_path": "the address of the artwork, such as s3://bucket/key",
    "input_file_uri": "s3://bucket/key, https://…, file:///path or a path",
    "artwork_file_path": "s3://bucket/key, https://…, file:///path or a path",
    "remote_artwork_file_path": "s3://bucket/key, https://…, file:///path or a path",
    "remote_artwork_bundle_dir_path": "s3://bucket/prefix/, file:///directory or a path",
    "style_id": "an id without path separators",
    "body_code": "letters, digits, '-', '_', '.' and spaces",
}


def is_preset(data: Any) -> bool:
    """Whether a document is meant as a preset, not as a template."""
    return isinstance(data, dict) and "specificationVersion" not in data and ("details" in data or "key" in data)
