"""Presets and job details as typed values, validated against `schemas/`. Reads no network and starts nothing."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from .errors import InvalidInput, Problem
from .names import same_file_key
from .resources import resource

_ASSET_TYPES = {"DXA_BODY_ASSET_BUNDLE": "DXA_ASSET_BUNDLE"}
"""Export types whose asset type has another name; every other one is its own asset type."""

ASSET_TYPE_KEY = "x-asset-type"
"""Where the JSON Schema of a custom export type names the asset type of its output."""

DEFAULT_SNAPSHOTS = 24
"""Pictures of a turntable whose preset names no `number_of_snapshots`."""

_MAX_FILE_BYTES = 4 * 1024 * 1024
_MAX_NAME_BYTES = 230
"""File systems hold names of 255 bytes, and the plugin adds to a name while it writes."""


@dataclass(frozen=True)
class Mutation:
    """An instruction that changes the open garment.

    Parameters
    ----------
    raw: the whole instruction, with fields that this project does not know.
    """

    mutation_type: str
    raw: Mapping[str, Any]


@dataclass(frozen=True)
class Export:
    """An instruction that makes one output file.

    Parameters
    ----------
    index: its place among the preset's instructions, from 0.
    asset_type: the type of the output in the asset catalogue.
    mutations: the mutations that precede it in the preset, in order.
    raw: the whole instruction, with fields that this project does not know.
    """

    index: int
    export_type: str
    output_file_name: str
    asset_type: str
    mutations: tuple[Mutation, ...]
    raw: Mapping[str, Any]

    @property
    def upload(self) -> bool:
        """Whether the output is stored and registered; it is made in any case."""
        return bool(self.raw.get("upload_to_s3", True))

    @property
    def snapshots(self) -> int:
        """The number of pictures of a turntable."""
        return int(self.raw.get("number_of_snapshots", DEFAULT_SNAPSHOTS))


@dataclass(frozen=True)
class Preset:
    """A row of `platform.job_preset`.

    Parameters
    ----------
    exports: the exports in order, each with the mutations that precede it.
    remote_destination: where outputs go; None if the preset names none.
    subfolder: what the destination's subfolder is named after: `JOB_ID`, `STYLE_ID` or `NONE`.
    raw: the whole row.
    """

    key: str
    exports: tuple[Export, ...]
    remote_destination: str | None
    subfolder: str
    hide_previous_style_assets: bool
    job_type: str | None
    raw: Mapping[str, Any]


@dataclass(frozen=True)
class JobDetails:
    """The inputs of a job: the column `details` of `platform.job`."""

    style_id: str | None = None
    body_id: str | None = None
    body_code: str | None = None
    input_file_uri: str | None = None
    artwork_file: str | None = None
    artwork_bundle: str | None = None
    artwork_replacements: tuple[Mapping[str, Any], ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)


def load_preset(
    data: Any, source: str = "preset", *, extra_exports: Mapping[str, Mapping[str, Any]] | None = None
) -> Preset:
    """Validate a preset row.

    Parameters
    ----------
    data: the row as JSON data.
    source: how errors name it, such as its file.
    extra_exports: custom export and mutation types, each with the JSON Schema of its instruction.

    Raises
    ------
    InvalidInput: with every problem found, each at its JSON pointer.
    """
    extra = dict(extra_exports or {})
    problems = _problems(_preset_validator(tuple(sorted(extra))), data)
    instructions = _instructions(data)
    problems += _duplicate_names(instructions)
    problems += _unportable(data, "")
    for index, instruction in enumerate(instructions):
        schema = extra.get(_text(instruction, "export_type") or _text(instruction, "mutation_type"))
        if schema is not None:
            found = _problems(Draft202012Validator(schema), instruction)
            problems += [Problem(f"/details/instructions/{index}{p.pointer}", p.message) for p in found]
    if problems:
        raise InvalidInput(source, problems)
    details = data["details"]
    return Preset(
        key=data["key"],
        exports=tuple(_exports(instructions, {**_ASSET_TYPES, **_declared_asset_types(extra)})),
        remote_destination=details.get("remote_destination"),
        subfolder=details.get("remote_destination_subfolder_type", "JOB_ID"),
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


def load_job_details(data: Any, source: str = "job details") -> JobDetails:
    """Validate the details of a job, or a whole job row that holds them under `details`.

    Raises
    ------
    InvalidInput: with every problem found, each at its JSON pointer.
    """
    prefix = ""
    if isinstance(data, dict) and "details" in data and ("preset_key" in data or "type" in data):
        data, prefix = data["details"], "/details"
    problems = _problems(_validator("job_details"), data)
    if problems:
        raise InvalidInput(source, [Problem(prefix + p.pointer, p.message) for p in problems])
    return JobDetails(
        style_id=data.get("style_id"),
        body_id=data.get("body_id"),
        body_code=data.get("body_code"),
        input_file_uri=data.get("input_file_uri"),
        artwork_file=data.get("artwork_file_path") or data.get("remote_artwork_file_path"),
        artwork_bundle=data.get("remote_artwork_bundle_dir_path"),
        artwork_replacements=tuple(data.get("artwork_replacements") or ()),
        raw=data,
    )


def read_document(path: Path) -> Any:
    """Read a JSON or YAML file as data.

    Raises
    ------
    InvalidInput: the file cannot be read, is over 4 MiB, or is neither valid JSON nor valid YAML.
    """
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise InvalidInput(str(path), [Problem("", "the file is over 4 MiB")])
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if path.suffix.lower() == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise InvalidInput(str(path), [Problem("", f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise InvalidInput(str(path), [Problem("", "expected UTF-8 text")]) from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InvalidInput(str(path), [Problem("", f"no valid JSON: {error.msg} at {place}")]) from error
    except yaml.YAMLError as error:
        raise InvalidInput(str(path), [Problem("", f"no valid YAML: {_yaml_reason(error)}")]) from error
    except RecursionError as error:
        raise InvalidInput(str(path), [Problem("", "nested too deeply")]) from error


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
    """The instructions as far as the data has the form for them."""
    details = data.get("details") if isinstance(data, dict) else None
    found = details.get("instructions") if isinstance(details, dict) else None
    return [i if isinstance(i, dict) else {} for i in found] if isinstance(found, list) else []


def _text(instruction: Mapping[str, Any], name: str) -> str:
    value = instruction.get(name)
    return value if isinstance(value, str) else ""


def _unportable(data: Any, pointer: str) -> Iterator[Problem]:
    """What no JSON text holds: numbers that are none, and halves of characters."""
    if isinstance(data, float) and not math.isfinite(data):
        yield Problem(pointer, f"found {data}; expected a number")
    elif isinstance(data, str) and any("\ud800" <= c <= "\udfff" for c in data):
        yield Problem(pointer, "holds half of a character (a lone surrogate)")
    elif isinstance(data, dict):
        for name, value in data.items():
            yield from _unportable(name, pointer)
            yield from _unportable(value, f"{pointer}/{name}")
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _unportable(value, f"{pointer}/{index}")


def _duplicate_names(instructions: Sequence[Mapping[str, Any]]) -> list[Problem]:
    first: dict[str, int] = {}
    problems = []
    for index, instruction in enumerate(instructions):
        name = _text(instruction, "output_file_name")
        if instruction.get("type") != "EXPORT" or not name:
            continue
        if len(name.encode("utf-8", "replace")) > _MAX_NAME_BYTES:
            pointer = f"/details/instructions/{index}/output_file_name"
            problems.append(Problem(pointer, f"is longer than {_MAX_NAME_BYTES} bytes; expected a shorter name"))
        place = first.setdefault(same_file_key(name), index)
        if place != index:
            problems.append(
                Problem(
                    f"/details/instructions/{index}/output_file_name",
                    f"{name!r} names the same file as /details/instructions/{place}; expected a name of its own",
                )
            )
    return problems


@functools.cache
def _validator(name: str) -> Draft202012Validator:
    schema = json.loads(resource(f"schemas/{name}.schema.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema)


@functools.cache
def _preset_validator(extra_types: tuple[str, ...]) -> Draft202012Validator:
    if not extra_types:
        return _validator("job_preset")
    schema = json.loads(json.dumps(_validator("job_preset").schema))
    for kind in ("export", "mutation"):
        schema["$defs"][kind]["properties"][f"{kind}_type"]["enum"].extend(extra_types)
    return Draft202012Validator(schema)


def _problems(validator: Draft202012Validator, data: Any) -> list[Problem]:
    errors = sorted(validator.iter_errors(data), key=lambda e: [str(p).zfill(6) for p in e.absolute_path])
    first_at: dict[str, Problem] = {}
    for problem in map(_problem, errors):
        first_at.setdefault(problem.pointer, problem)
    return list(first_at.values())


def _problem(error: ValidationError) -> Problem:
    pointer = "".join(f"/{str(p).replace('~', '~0').replace('/', '~1')}" for p in error.absolute_path)
    if error.validator == "required":
        missing = error.message.split("'")[1]
        return Problem(f"{pointer}/{missing}", "is missing; expected " + _EXPECTED.get(missing, "a value"))
    field_name = str(error.absolute_path[-1]) if error.absolute_path else ""
    return Problem(pointer, _message(error, field_name))


def _message(error: ValidationError, field_name: str) -> str:
    value: Any = error.instance
    rule: Any = error.validator_value
    schema: Any = error.schema
    found = _short(value)
    if error.validator == "enum":
        return f"unknown value {found}; expected one of {', '.join(map(str, rule))}"
    if error.validator == "type":
        names = [rule] if isinstance(rule, str) else rule
        return f"found {found}; expected {' or '.join(_TYPE_NAMES[name] for name in names if name != 'null')}"
    if error.validator in ("minimum", "maximum"):
        return f"found {found}; expected {schema.get('minimum')} to {schema.get('maximum')}"
    if field_name == "output_file_name":
        return f"{found} {_bad_name(value)}; expected {_EXPECTED[field_name]}"
    if field_name in _EXPECTED:
        return f"found {found}; expected {_EXPECTED[field_name]}"
    if error.validator in ("minLength", "minItems"):
        return "is empty; expected at least one"
    return error.message


def _bad_name(name: str) -> str:
    """What makes a file name unfit, as a sentence part."""
    if not name:
        return "is empty"
    if name in (".", ".."):
        return "is a relative directory"
    if re.match(r"[A-Za-z]:", name):
        return "names a drive"
    if re.search(r"[\\/]", name):
        return "holds a path separator"
    if re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029]", name):
        return "holds a control character"
    if re.search(r'[:*?"<>|]', name):
        return "holds a character that Windows does not allow"
    if name[-1] in ". ":
        return "ends with a dot or a space"
    if len(name) > 200:
        return "is longer than 200 characters"
    return "is a reserved name on Windows"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def _yaml_reason(error: yaml.YAMLError) -> str:
    return " ".join(str(error).split())


_TYPE_NAMES = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
}

_EXPECTED = {
    "type": "EXPORT or MUTATION",
    "key": "the preset's key",
    "details": "an object with the instructions",
    "instructions": "a list of instructions",
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
