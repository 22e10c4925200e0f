"""Says what a document is and whether it is right: a preset, a job, a template or an environment template."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, TypeVar

from openjd.model import (
    DecodeValidationError,
    EnvironmentTemplate,
    JobTemplate,
    decode_environment_template,
    decode_job_template,
)

from ..config import Config
from ..documents import read_document, with_places
from ..errors import InvalidInput, Problem
from ..export_types import extra_exports
from ..presets import is_preset, load_job_details, load_preset, unproven_changes
from .advice import advice, run_data_problems
from .definition import is_definition, load_definition
from .dependencies import circular_dependencies
from .extensions import EXTENSIONS
from .fields import unknown_fields, without_consequences
from .model_errors import MAX_PROBLEMS, model_problems
from .preset import translate
from .task import is_task, load_task

T = TypeVar("T")


_MAX_REFERENCES = 10_000
_MODEL_ERRORS = (
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    NotImplementedError,
    RecursionError,
)
"""What the model raises about a bad template instead of its own error."""


def check_file(file: Path, config: Config) -> str:
    """What the document is, as a phrase for a reader.

    Parameters
    ----------
    config: names the directory of further export types, if there are any.

    Raises
    ------
    InvalidInput: with everything that is wrong with it, each at its place.
    """
    data = read_document(file)
    source = str(file)
    if isinstance(data, dict) and "preset_key" in data:
        load_job_details(data, source)
        return "a valid job"
    if is_definition(data):
        load_definition(data, source)
        return "a valid job definition"
    if is_task(data):
        return f"a valid {load_task(data, source)} task"
    if is_preset(data):
        preset = load_preset(data, source, extra_exports=extra_exports(config.engine.extra_exports))
        decode(translate(preset), f"template of {file}")
        count = len(preset.exports)
        return f"a valid preset with {count} export{'' if count == 1 else 's'}"
    if isinstance(data, dict) and str(data.get("specificationVersion")).startswith("environment"):
        environment = decode_environment(data, source, EXTENSIONS)
        return "a valid environment template" + _needs(environment.extensions)
    extra = extra_exports(config.engine.extra_exports)
    template = decode(data, source, EXTENSIONS)
    if problems := run_data_problems(data, extra):
        raise InvalidInput(source, problems)
    steps = len(template.steps)
    return f"a valid job template with {steps} step{'' if steps == 1 else 's'}{_needs(template.extensions)}"


def _needs(extensions: Collection[str] | None) -> str:
    return f"; needs {', '.join(extensions)}" if extensions else ""


def warnings(file: Path, config: Config) -> list[str]:
    """What may go wrong with a valid document: advice on a template, changes that an engine cannot be shown to make."""
    data = read_document(file)
    if not is_preset(data):
        return [str(problem) for problem in with_places(InvalidInput(str(file), advice(data))).problems]
    custom = extra_exports(config.engine.extra_exports)
    then = "fails" if config.engine.unproven_mutations == "fail" else "warns"
    problems = unproven_changes(load_preset(data, str(file), extra_exports=custom), custom)
    return [f"{p.pointer}: {p.message}; the export {then} (engine.unproven_mutations)" for p in problems]


def decode(data: Any, source: str, extensions: Collection[str] = ()) -> JobTemplate:
    """A template from its data.

    Parameters
    ----------
    extensions: the names of the OpenJD extensions that it may use.

    Raises
    ------
    InvalidInput: the OpenJD model refuses it; each problem with the model's own account of its place.
    """
    if not isinstance(data, dict) or "specificationVersion" not in data:
        raise InvalidInput(source, [Problem("/specificationVersion", "is missing; expected an OpenJD job template")])
    if problems := [*_too_many_references(data), *circular_dependencies(data)]:
        raise InvalidInput(source, problems)
    return _decoded(lambda: decode_job_template(template=data, supported_extensions=extensions), data, source)


def decode_environment(data: Any, source: str, extensions: Collection[str] = ()) -> EnvironmentTemplate:
    """An environment template from its data.

    Parameters
    ----------
    extensions: the names of the OpenJD extensions that it may use.

    Raises
    ------
    InvalidInput: the OpenJD model refuses it.
    """
    if problems := _too_many_references(data):
        raise InvalidInput(source, problems)
    return _decoded(lambda: decode_environment_template(template=data, supported_extensions=extensions), data, source)


def model_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of a `template` or of an `environment` template, as the OpenJD model has it."""
    from openjd.model import v2023_09

    model = v2023_09.JobTemplate if kind == "template" else v2023_09.EnvironmentTemplate
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}


def _decoded(decode_with_model: Callable[[], T], data: Any, source: str) -> T:
    try:
        return decode_with_model()
    except (DecodeValidationError, *_MODEL_ERRORS) as error:
        unknown = unknown_fields(data)
        problems = [*unknown, *without_consequences(model_problems(error, data), unknown)][:MAX_PROBLEMS]
        raise InvalidInput(source, problems) from error


def _too_many_references(data: Any) -> list[Problem]:
    """The model takes long for each `{{...}}`, so a template with very many is refused before it sees them."""
    count = sum(text.count("{{") for text in _texts(data))
    if count <= _MAX_REFERENCES:
        return []
    return [Problem("", f"found {count} references such as {{{{Param.JobId}}}}; expected at most {_MAX_REFERENCES}")]


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict | list):
        for value in data.values() if isinstance(data, dict) else data:
            yield from _texts(value)
