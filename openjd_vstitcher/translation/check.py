"""Says what a document is and whether it is right: a preset, a job, a template or an environment template."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Iterator, Mapping
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
from ..documents import read_document
from ..errors import InvalidInput, Problem
from ..export_types import extra_exports
from ..presets import is_preset, load_job_details, load_preset
from .definition import is_definition, load_definition
from .dependencies import circular_dependencies
from .preset import translate
from .task import is_task, load_task

T = TypeVar("T")

_MAX_REFERENCES = 10_000
_MAX_PROBLEMS = 20
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
_IS_HEADING = re.compile(r"Validation failed|\d+ validation errors?|validation error").match


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
        decode(translate(preset), source)
        count = len(preset.exports)
        return f"a valid preset with {count} export{'' if count == 1 else 's'}"
    if isinstance(data, dict) and str(data.get("specificationVersion")).startswith("environment"):
        decode_environment(data, source)
        return "a valid environment template"
    template = decode(data, source)
    return f"a valid job template with {len(template.steps)} steps"


def decode(data: Any, source: str) -> JobTemplate:
    """A template from its data.

    Raises
    ------
    InvalidInput: the OpenJD model refuses it; each problem with the model's own account of its place.
    """
    if not isinstance(data, dict) or "specificationVersion" not in data:
        raise InvalidInput(source, [Problem("/specificationVersion", "is missing; expected an OpenJD job template")])
    if problems := [*_too_many_references(data), *circular_dependencies(data)]:
        raise InvalidInput(source, problems)
    return _decoded(lambda: decode_job_template(template=data), source)


def decode_environment(data: Any, source: str) -> EnvironmentTemplate:
    """An environment template from its data.

    Raises
    ------
    InvalidInput: the OpenJD model refuses it.
    """
    if problems := _too_many_references(data):
        raise InvalidInput(source, problems)
    return _decoded(lambda: decode_environment_template(template=data), source)


def _decoded(decode_with_model: Callable[[], T], source: str) -> T:
    try:
        return decode_with_model()
    except DecodeValidationError as error:
        raise InvalidInput(source, list(model_problems(str(error)))) from error
    except _MODEL_ERRORS as error:
        problems = list(model_problems(str(error))) or [Problem("", f"not a valid template: {error!r}")]
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


def check_commands(data: Mapping[str, Any], allowed: Collection[str], source: str) -> None:
    """Refuse a template whose actions run anything but the allowed commands (Law 8).

    Raises
    ------
    InvalidInput: with the place of each command that is not allowed.
    """
    problems = [
        Problem(pointer, f"runs {command!r}; this worker allows only {', '.join(sorted(allowed))}")
        for pointer, command in _commands(data, "")
        if command not in allowed
    ]
    if problems:
        raise InvalidInput(source, problems)


def _commands(node: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "actions" and isinstance(value, dict):
                for name, action in value.items():
                    yield f"{pointer}/actions/{name}/command", action.get("command")
            else:
                yield from _commands(value, f"{pointer}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _commands(value, f"{pointer}/{index}")


def model_problems(text: str) -> Iterator[Problem]:
    """The model's report, a problem for each place that it names, no more than 20.

    It names a place by a line such as `steps[0] -> script -> actions:` and tells what is wrong in the lines below it.
    """
    return itertools.islice(_all_model_problems(text), _MAX_PROBLEMS)


def _all_model_problems(text: str) -> Iterator[Problem]:
    place, message = "", [""]
    for line in text.splitlines():
        if line.endswith(":") and (" -> " in line or line.split("[")[0].rstrip(":").isidentifier()):
            if message != [""]:
                yield Problem(place, " ".join(filter(None, message)))
            place, message = _pointer(line[:-1]), [""]
        elif not _IS_HEADING(line):
            message.append(line.strip())
    if message != [""]:
        yield Problem(place, " ".join(filter(None, message)))


def _pointer(place: str) -> str:
    return "".join("/" + part.replace("[", "/").replace("]", "") for part in place.split(" -> "))
