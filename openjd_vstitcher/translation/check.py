"""Says what a document is and whether it is right: a preset, a job, a template or an environment template."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from openjd.model import (
    DecodeValidationError,
    EnvironmentTemplate,
    JobTemplate,
    decode_environment_template,
    decode_job_template,
)

from ..config import Config
from ..errors import InvalidInput, Problem
from ..export_types import extra_exports
from ..presets import is_preset, load_job_details, load_preset, read_document
from .preset import translate


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
    try:
        return decode_job_template(template=data)
    except (DecodeValidationError, NotImplementedError, ValueError) as error:
        raise InvalidInput(source, list(model_problems(str(error)))) from error


def decode_environment(data: Any, source: str) -> EnvironmentTemplate:
    """An environment template from its data.

    Raises
    ------
    InvalidInput: the OpenJD model refuses it.
    """
    try:
        return decode_environment_template(template=data)
    except (DecodeValidationError, NotImplementedError, ValueError) as error:
        raise InvalidInput(source, list(model_problems(str(error)))) from error


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
    """The model's report, a problem for each place that it names.

    It names a place by a line such as `steps[0] -> script -> actions:` and tells what is wrong in the lines below it.
    """
    place, message = "", [""]
    for line in text.splitlines():
        if line.endswith(":") and (" -> " in line or line.split("[")[0].rstrip(":").isidentifier()):
            if message != [""]:
                yield Problem(place, " ".join(filter(None, message)))
            place, message = _pointer(line[:-1]), [""]
        elif not line.startswith(("Validation failed", "1 validation", "validation error")):
            message.append(line.strip())
    if message != [""]:
        yield Problem(place, " ".join(filter(None, message)))


def _pointer(place: str) -> str:
    return "".join("/" + part.replace("[", "/").replace("]", "") for part in place.split(" -> "))
