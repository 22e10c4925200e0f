"""From a list of scripts to a template whose steps depend on each other. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import InvalidInput, Problem
from ..validation import schema_problems
from .definition import load_definition, timeout_of, translated
from .environments import action, json_file
from .handler import NOTIFY_S, job_parameters
from .job import JobContext, Row, TranslatedJob
from .text import MAX_NAME, Template, plain, step_name

DEFAULT_TIMEOUT_S = 3600


@dataclass(frozen=True)
class ScriptFacts:
    """What a translation must know of a script.

    Parameters
    ----------
    arguments: the JSON Schema of its arguments.
    """

    name: str
    arguments: Mapping[str, Any]


def of_scripts(job: Row, row: Row, context: JobContext) -> TranslatedJob:
    """Translate a job whose definition lists scripts, or leaves the list to the job.

    Raises
    ------
    InvalidInput: the list is not valid, or this machine has no such script; with every problem and its place.
    """
    definition = load_definition(row, f"job definition {row.get('key')}")
    scripts, source, pointer = listed_scripts(row, job["details"])
    check_scripts(scripts, context.script, source, pointer)
    timeout_s = timeout_of(definition, job["details"], DEFAULT_TIMEOUT_S)
    template = translate_scripts(str(row["key"]), scripts, timeout_s=timeout_s)
    return replace(translated(template, job, definition, context, None), continues=True)


def listed_scripts(row: Row, details: Mapping[str, Any]) -> tuple[Sequence[Any], str, str]:
    """The scripts of a job, the document that lists them, and the place in it.

    Raises
    ------
    InvalidInput: both the definition and the job list scripts, or neither.
    """
    of_definition, of_job = row["details"]["scripts"], details.get("scripts")
    if of_definition:
        if of_job:
            raise InvalidInput("job details", [Problem("/scripts", "the job's definition lists the scripts already")])
        return of_definition, f"job definition {row.get('key')}", "/details/scripts"
    if not of_job:
        message = 'is missing; expected a list of ["script", {arguments}], because the job\'s definition has none'
        raise InvalidInput("job details", [Problem("/scripts", message)])
    return of_job, "job details", "/scripts"


def check_scripts(scripts: Sequence[Any], script: Callable[[str], ScriptFacts], source: str, pointer: str) -> None:
    """Check a list of scripts and their arguments.

    Parameters
    ----------
    script: looks up a script by its name, see `JobContext`.

    Raises
    ------
    InvalidInput: with every problem and its place.
    """
    problems = [*_form_problems(scripts, pointer)] or [*_script_problems(scripts, script, pointer)]
    if problems:
        raise InvalidInput(source, problems)


def translate_scripts(key: str, scripts: Sequence[Any], *, timeout_s: int) -> Template:
    """The template of a job: a step for each script, which depends on the step before it.

    Parameters
    ----------
    key: of the job's definition.
    scripts: valid, each `[name]` or `[name, arguments]`.
    timeout_s: how long each script may take, in seconds.
    """
    names = [step_name(order, script[0]) for order, script in enumerate(scripts, start=1)]
    return {
        "specificationVersion": "jobtemplate-2023-09",
        "name": plain(key)[: MAX_NAME - 1] + " {{Param.JobId}}",
        "description": plain(", ".join(script[0] for script in scripts))[:2000],
        "parameterDefinitions": job_parameters(),
        "steps": [
            {
                "name": name,
                **({"dependencies": [{"dependsOn": names[index - 1]}]} if index else {}),
                "script": _script(scripts[index], timeout_s),
            }
            for index, name in enumerate(names)
        ],
    }


def _script(script: Sequence[Any], timeout_s: int) -> dict[str, Any]:
    arguments = script[1] if len(script) > 1 else {}
    return {
        "embeddedFiles": [json_file("RunData", "run-data.json", {"script": script[0], "arguments": arguments})],
        "actions": {
            "onRun": action(
                "openjd-vs",
                ["run-script", "--run-data", "file://{{Task.File.RunData}}"],
                ["--output-dir", "{{Param.OutputDir}}"],
                timeout=timeout_s,
                notify_s=NOTIFY_S,
            )
        },
    }


def _form_problems(scripts: Any, pointer: str) -> Iterator[Problem]:
    """What is wrong with the list itself; that of a definition is valid by its schema."""
    if not isinstance(scripts, Sequence) or isinstance(scripts, str) or not 1 <= len(scripts) <= 256:
        yield Problem(pointer, 'expected a list of 1 to 256 scripts, each ["script", {arguments}]')
        return
    for index, each in enumerate(scripts):
        listed = isinstance(each, Sequence) and not isinstance(each, str) and 1 <= len(each) <= 2
        if not (listed and isinstance(each[0], str) and all(isinstance(last, Mapping) for last in each[1:])):
            yield Problem(f"{pointer}/{index}", f'found {each!r}; expected ["script", {{arguments}}]')


def _script_problems(scripts: Sequence[Any], script: Callable[[str], ScriptFacts], pointer: str) -> Iterator[Problem]:
    for index, each in enumerate(scripts):
        try:
            facts = script(each[0])
        except InvalidInput as error:
            yield from (Problem(f"{pointer}/{index}/0", problem.message) for problem in error.problems)
            continue
        for problem in schema_problems(facts.arguments, dict(each[1]) if len(each) > 1 else {}):
            yield Problem(f"{pointer}/{index}/1{problem.pointer}", problem.message)
