"""Describes the parameters of a template for the person who gives their values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from openjd.model import JobParameterDefinition

_LIMITS = (("minValue", "maxValue", ""), ("minLength", "maxLength", " characters"))


def parameter_help(definitions: Iterable[JobParameterDefinition]) -> list[tuple[str, str]]:
    """For each parameter, its name with its type, and its description with choices, limits and default."""
    return [(f"{each.name} ({_type(each)})", " ".join(_about(each))) for each in definitions]


def _type(definition: JobParameterDefinition) -> str:
    return str(definition.type.value)


def _about(definition: JobParameterDefinition) -> Iterator[str]:
    description = getattr(definition, "description", None)
    if description:
        yield " ".join(str(description).split())
    choices = getattr(definition, "allowedValues", None)
    if choices:
        yield f"One of {', '.join(map(str, choices))}."
    for least, most, unit in _LIMITS:
        limits = _range(getattr(definition, least, None), getattr(definition, most, None))
        if limits:
            yield f"{limits}{unit}."
    yield "Required." if definition.default is None else f"Default: {_shown(definition.default)}."


def _range(least: Any, most: Any) -> str:
    if least is not None and most is not None:
        return f"{least} to {most}"
    if least is not None:
        return f"At least {least}"
    return f"At most {most}" if most is not None else ""


def _shown(value: Any) -> str:
    return repr(str(value)) if value in ("", " ") else str(value)
