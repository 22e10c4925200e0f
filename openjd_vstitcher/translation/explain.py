"""Explains the fields of exports and mutations, from the schema of presets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import InvalidInput, Problem
from ..validation import shipped_schema
from .model_errors import near_name

_LIMITS = {"minimum": "at least", "maximum": "at most", "minLength": "at least, in characters,"}


def explain(name: str) -> str:
    """What an export or mutation type, or a field of one, is for and which values it takes, as lines.

    Parameters
    ----------
    name: such as `MEDIA_RENDER`, `MEDIA_RENDER.dpi` or `Export.dpi`.

    Raises
    ------
    InvalidInput: there is no such type or field.
    """
    kind, _, field = name.partition(".")
    schema = shipped_schema("job_preset")
    instruction = _instruction(kind, schema)
    fields = instruction["properties"]
    if not field:
        return "\n".join(
            [kind, *(f"  {line}" for key in fields for line in _short(key, fields[key], schema, instruction))]
        )
    if field not in fields:
        raise InvalidInput("explain", [_unknown(f"{kind} has no field {field!r}", field, fields)])
    return "\n".join(_whole(f"{kind}.{field}", field, fields[field], schema, instruction))


def _instruction(kind: str, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    types = {each.capitalize(): each for each in ("export", "mutation")}
    for each in ("export", "mutation"):
        types |= dict.fromkeys(schema["$defs"][each]["properties"][f"{each}_type"]["enum"], each)
    if kind not in types:
        raise InvalidInput("explain", [_unknown(f"no export or mutation type is named {kind!r}", kind, types)])
    found: Mapping[str, Any] = schema["$defs"][types[kind]]
    return found


def _unknown(message: str, name: str, known: Mapping[str, Any]) -> Problem:
    near = near_name(name, known)
    hint = f"; did you mean {near!r}?" if near else ""
    return Problem("", f"{message}{hint}; there are {', '.join(known)}")


def _short(
    key: str, field: Mapping[str, Any], schema: Mapping[str, Any], instruction: Mapping[str, Any]
) -> Iterator[str]:
    field = _resolved(field, schema)
    required = ", required" if key in instruction["required"] else ""
    yield f"{key} ({_type(field)}{required})" + (f": {field['description']}" if "description" in field else "")


def _whole(
    title: str, key: str, field: Mapping[str, Any], schema: Mapping[str, Any], instruction: Mapping[str, Any]
) -> Iterator[str]:
    field = _resolved(field, schema)
    yield f"{title} ({_type(field)}{', required' if key in instruction['required'] else ''})"
    if "description" in field:
        yield f"  {field['description']}"
    if "enum" in field:
        yield f"  One of {', '.join(map(str, field['enum']))}."
    limits = [f"{words} {field[limit]}" for limit, words in _LIMITS.items() if limit in field]
    if limits:
        yield f"  Expected {', '.join(limits)}."
    for part, inner in field.get("properties", {}).items():
        yield f"  {part} ({_type(inner)})"


def _resolved(field: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in field:
        return field
    return {**schema["$defs"][field["$ref"].rpartition("/")[2]], **field}


def _type(field: Mapping[str, Any]) -> str:
    kind = field.get("type", "one of a list" if "enum" in field else "anything")
    return kind if isinstance(kind, str) else " or ".join(kind)
