"""Checks JSON data against JSON Schemas and reports each violation as a `Problem`. Knows no particular schema."""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .errors import Problem
from .resources import resource

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_TYPE_NAMES = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}
_LIMITS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
}
_SIZES = {"minItems": "at least", "maxItems": "at most", "minLength": "at least", "maxLength": "at most"}
_MAX_VALUE = 80
_MAX_MESSAGE = 300


@functools.cache
def shipped_schema(name: str) -> Mapping[str, Any]:
    """The content of `schemas/{name}.schema.json`. It is cached: copy it before changing it."""
    schema: dict[str, Any] = json.loads(resource(f"schemas/{name}.schema.json").read_text(encoding="utf-8"))
    return schema


def schema_problems(
    schema: Mapping[str, Any],
    data: Any,
    *,
    expected: Mapping[str, str] | None = None,
    explain: Mapping[str, Callable[[Any], str]] | None = None,
    hide_values: bool = False,
) -> list[Problem]:
    """Return every violation of a schema (draft 2020-12) in document order, at most one for each place.

    Parameters
    ----------
    expected: what the message calls a valid value of a field, by field name, such as "a number in cm".
    explain: functions that say what is wrong with a value, by field name, such as "is empty".
    hide_values: name only the JSON type of what was found. Use it when the data holds secrets such as signed URLs,
        which could be anywhere in a malformed document.
    """
    messages = _Messages(expected or {}, explain or {}, hide_values)
    errors = _validator_class()(schema).iter_errors(data)
    problems: dict[str, Problem] = {}
    for error in sorted(errors, key=lambda e: [str(part).zfill(6) for part in e.absolute_path]):
        for problem in messages.problems(error):
            problems.setdefault(problem.pointer, problem)
    return list(problems.values())


def schema_fault(schema: Any) -> str:
    """Why data is not a JSON Schema (draft 2020-12), "" if it is one."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return error.message
    return ""


def json_pointer(parts: Iterable[str | int]) -> str:
    """The JSON pointer (RFC 6901) that consists of these keys and indices."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


@functools.cache
def _validator_class() -> Any:
    """The validator of draft 2020-12, except that it does not look into a list with too many items: that takes long."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    check_items = Draft202012Validator.VALIDATORS["items"]

    def items(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if not (isinstance(instance, list) and len(instance) > schema.get("maxItems", len(instance))):
            yield from check_items(validator, rule, instance, schema)

    return extend(Draft202012Validator, {"items": items})  # type: ignore[no-untyped-call]  # it has no types


class _Messages:
    """Turns the errors of jsonschema into problems."""

    def __init__(
        self, expected: Mapping[str, str], explain: Mapping[str, Callable[[Any], str]], hide_values: bool
    ) -> None:
        self._expected = expected
        self._explain = explain
        self._hide_values = hide_values

    def problems(self, error: ValidationError) -> Iterator[Problem]:
        pointer = json_pointer(error.absolute_path)
        instance: Any = error.instance
        required: Any = error.validator_value
        if error.validator == "required":
            for name in required:
                if name not in instance:
                    expected = self._expected.get(name, "a value")
                    yield Problem(pointer + json_pointer([name]), f"is missing; expected {expected}")
        else:
            yield Problem(pointer, self._message(error))

    def _message(self, error: ValidationError) -> str:
        field = str(error.absolute_path[-1]) if error.absolute_path else ""
        value: Any = error.instance
        rule: Any = error.validator_value
        schema: Any = error.schema
        found = _type_of(value) if self._hide_values else _shortened(value)
        if error.validator == "enum":
            what = f"found {found}" if self._hide_values else f"unknown value {found}"
            near = [] if self._hide_values else difflib.get_close_matches(str(value), map(str, rule), n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            return f"{what}; expected one of {', '.join(map(str, rule))}{hint}"
        if error.validator == "type":
            names = [rule] if isinstance(rule, str) else rule
            names = [name for name in names if name != "null"] or names
            return f"found {found}; expected {' or '.join(_TYPE_NAMES[name] for name in names)}"
        if error.validator in _LIMITS:
            return f"found {found}; expected {_range(schema)}"
        if error.validator in _SIZES and value:
            return _size_message(value, schema)
        if field in self._explain:
            what = "the value" if self._hide_values else found
            return f"{what} {self._explain[field](value)}; expected {self._expected.get(field, 'a valid value')}"
        if field in self._expected:
            return f"found {found}; expected {self._expected[field]}"
        if error.validator in _SIZES:
            return "is empty; expected at least one"
        if self._hide_values:
            return f'found {found} that violates "{error.validator}": {_shortened(rule)}'
        return error.message if len(error.message) <= _MAX_MESSAGE else error.message[: _MAX_MESSAGE - 3] + "..."


def _range(schema: Mapping[str, Any]) -> str:
    if "minimum" in schema and "maximum" in schema:
        return f"{schema['minimum']} to {schema['maximum']}"
    return " and ".join(f"{words} {schema[name]}" for name, words in _LIMITS.items() if name in schema)


def _size_message(value: Any, schema: Mapping[str, Any]) -> str:
    kind, unit = ("Length", "character") if isinstance(value, str) else ("Items", "item")
    if {f"min{kind}", f"max{kind}"} <= schema.keys():
        expected = f"{schema[f'min{kind}']} to {schema[f'max{kind}']}"
    else:
        expected = " and ".join(f"{words} {schema[name]}" for name, words in _SIZES.items() if name in schema)
    return f"found {len(value)} {unit}{'' if len(value) == 1 else 's'}; expected {expected}"


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "an object"


def _shortened(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= _MAX_VALUE else text[: _MAX_VALUE - 3] + "..."
