"""From a job for a Python handler to a template with one step. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import InvalidInput, Problem
from ..validation import schema_problems
from .definition import load_definition, timeout_of, translated
from .environments import JOB_FILE, action, common_parameters, files_environment, json_file
from .job import JobContext, Row, TranslatedJob
from .text import MAX_NAME, Template, plain

DEFAULT_TIMEOUT_S = 3600
NOTIFY_S = 1
"""How long a handler or script that is canceled may take to end, in seconds."""


@dataclass(frozen=True)
class HandlerFacts:
    """What a translation must know of a handler; see `handlers.Handler`.

    Parameters
    ----------
    parameters: the JSON Schema of its parameters.
    outputs: asset types by patterns of file names; None where the configuration decides.
    inputs: the parameters that are addresses of input files.
    timeout_s: how long a job may take, in seconds.
    """

    name: str
    parameters: Mapping[str, Any]
    description: str = ""
    outputs: Mapping[str, str] | None = None
    inputs: tuple[str, ...] = ()
    timeout_s: int = DEFAULT_TIMEOUT_S


def of_handler(job: Row, row: Row, context: JobContext) -> TranslatedJob:
    """Translate a job whose definition names a handler.

    Raises
    ------
    InvalidInput: the definition or the parameters are not valid, or this machine has no such handler.
    """
    source = f"job definition {row.get('key')}"
    definition = load_definition(row, source)
    try:
        facts = context.handler(definition["handler"])
    except InvalidInput as error:
        raise InvalidInput(source, [Problem("/details/handler", each.message) for each in error.problems]) from error
    parameters = handler_parameters(facts, definition, job["details"])
    timeout_s = timeout_of(definition, job["details"], facts.timeout_s)
    files = {name: str(parameters[name]) for name in facts.inputs if parameters.get(name)}
    template = translate_handler(str(row["key"]), facts, parameters, timeout_s=timeout_s, staged=bool(files))
    made = translated(template, job, definition, context, facts.outputs)
    if not files:
        return made
    return replace(made, files=files, parameters={**made.parameters, "InputsManifest": context.inputs_manifest})


def handler_parameters(
    facts: HandlerFacts, definition: Mapping[str, Any], details: Mapping[str, Any]
) -> dict[str, Any]:
    """The parameters of a job: those in its details, then those of its definition, then the handler's defaults.

    Raises
    ------
    InvalidInput: they are not valid; with every problem and its place.
    """
    given = details.get("parameters", {})
    if not isinstance(given, Mapping):
        raise InvalidInput("job details", [Problem("/parameters", f"found {given!r}; expected an object")])
    properties = facts.parameters.get("properties", {})
    defaults = {name: rule["default"] for name, rule in properties.items() if "default" in rule}
    parameters = {**defaults, **definition.get("parameters", {}), **given}
    if problems := schema_problems(facts.parameters, parameters):
        raise InvalidInput("job details", [Problem(f"/parameters{each.pointer}", each.message) for each in problems])
    return parameters


def translate_handler(
    key: str, facts: HandlerFacts, parameters: Mapping[str, Any], *, timeout_s: int, staged: bool = False
) -> Template:
    """The template of a job: one step that executes the handler.

    Parameters
    ----------
    key: of the job's definition.
    parameters: valid, with defaults.
    timeout_s: how long the handler may take, in seconds.
    staged: whether input files are staged, from an inputs manifest.
    """
    names = ("OutputDir", "JobId", "InputsManifest") if staged else ("OutputDir", "JobId")
    return {
        "specificationVersion": "jobtemplate-2023-09",
        "name": plain(key)[: MAX_NAME - 1] + " {{Param.JobId}}",
        "description": plain(facts.description or facts.name),
        "parameterDefinitions": job_parameters(names),
        **({"jobEnvironments": [files_environment()]} if staged else {}),
        "steps": [
            {
                "name": plain(facts.name)[:MAX_NAME],
                "script": {
                    "embeddedFiles": [json_file("RunData", "run-data.json", {"input_params": dict(parameters)})],
                    "actions": {
                        "onRun": action(
                            "openjd-vs",
                            ["run-handler", facts.name],
                            ["--run-data", "file://{{Task.File.RunData}}"],
                            ["--output-dir", "{{Param.OutputDir}}"],
                            ["--job", JOB_FILE] if staged else [],
                            timeout=timeout_s,
                            notify_s=NOTIFY_S,
                        )
                    },
                },
            }
        ],
    }


def job_parameters(names: Collection[str] = ("OutputDir", "JobId")) -> list[dict[str, Any]]:
    """The parameters of a template that needs no garment and no engine."""
    return [each for each in common_parameters() if each["name"] in names]
