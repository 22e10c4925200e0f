"""Job definitions: rows of `platform.job_preset` whose jobs execute a handler or run scripts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..documents import data_problems
from ..errors import InvalidInput, Problem
from ..presets import load_job_details
from ..validation import schema_problems, shipped_schema
from .job import JobContext, Row, TranslatedJob
from .outputs import DEFAULT_TYPES
from .text import Template

MAX_TIMEOUT_S = 604_800
"""A week."""
_EXPECTED = {
    "handler": "the name of a handler",
    "scripts": 'a list of ["script", {arguments}]',
    "parameters": "an object",
    "details": "an object with a handler or scripts",
    "key": "the definition's key",
}


def is_definition(row: Any) -> bool:
    """Whether a document is meant as a definition: its details name a handler or scripts."""
    details = row.get("details") if isinstance(row, Mapping) else None
    return isinstance(details, Mapping) and not {"handler", "scripts"}.isdisjoint(details)


def load_definition(row: Any, source: str) -> Mapping[str, Any]:
    """The details of a definition.

    Raises
    ------
    InvalidInput: it is not valid; all problems are listed, each with its JSON pointer.
    """
    problems = data_problems(row) or schema_problems(shipped_schema("job_definition"), row, expected=_EXPECTED)
    if not problems and {"handler", "scripts"} <= set(row["details"]):
        problems = [Problem("/details", "found a handler and scripts; expected one of them")]
    if problems:
        raise InvalidInput(source, problems)
    details: Mapping[str, Any] = row["details"]
    return details


def timeout_of(definition: Mapping[str, Any], details: Mapping[str, Any], default_s: int) -> int:
    """How long the handler, or each script, of a job may take, in seconds: as the job says, else its definition.

    Raises
    ------
    InvalidInput: the job's value is not valid.
    """
    given = details.get("timeout_s")
    if given is None:
        return int(definition.get("timeout_s") or default_s)
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= MAX_TIMEOUT_S:
        message = f"found {given!r}; expected 1 to {MAX_TIMEOUT_S} seconds"
        raise InvalidInput("job details", [Problem("/timeout_s", message)])
    return given


def translated(
    template: Template, job: Row, definition: Mapping[str, Any], context: JobContext, types: Mapping[str, str] | None
) -> TranslatedJob:
    """A job without garment and engine.

    Parameters
    ----------
    definition: its details.
    types: asset types of its outputs by patterns of their names; None where the configuration decides.

    Raises
    ------
    InvalidInput: the job's details are not valid, or it has outputs and no destination.
    """
    details = load_job_details(job["details"], "job details")
    if types is None:
        types = {**context.output_types, **{k: v for k, v in DEFAULT_TYPES.items() if k not in context.output_types}}
    known = context.asset_types
    translated = TranslatedJob(
        template=template,
        parameters={"OutputDir": context.output_dir, "JobId": str(job["id"])},
        outputs=(),
        inputs={},
        destination=None,
        style_id=details.style_id,
        body_id=details.body_id,
        output_types={k: v if known is None or v in known else None for k, v in types.items()},
    )
    destination = definition.get("remote_destination") or context.destination
    if destination:
        return replace(translated, destination={**definition, "remote_destination": destination})
    return translated
