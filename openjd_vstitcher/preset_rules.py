"""The rules of presets that a JSON Schema cannot express: names of outputs, and what fits into a template. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .documents import MAX_BYTES
from .errors import Problem
from .names import same_file_key, unsafe_reason, wrong_suffix

MAX_INSTRUCTIONS = 256
MAX_TURNTABLES = 43
"""OpenJD allows 50 parameters. Each turntable has one, and a template has up to seven others."""

_MAX_NAME = 200
_MAX_NAME_BYTES = 230
"""File systems allow 255 bytes, and the plugin appends a suffix to the name while it writes."""
_TEMPLATE_BYTES = 30_000
"""An upper bound for what is in every template."""
_STEP_BYTES = 4000
"""An upper bound for what a step adds to a template besides its instructions."""
_INDENTATION = 16
"""An upper bound for what each line of embedded JSON is indented by in a template."""

Instructions = Sequence[Mapping[str, Any]]


def rule_problems(preset: Any, instructions: Instructions) -> Iterator[Problem]:
    """Problems of a preset's row and its instructions. Their fields may be missing or of any type."""
    if len(instructions) > MAX_INSTRUCTIONS:
        return  # which the schema refuses
    exports = [index for index, instruction in enumerate(instructions) if instruction.get("type") == "EXPORT"]
    if instructions and not exports:
        yield Problem("/details/instructions", "has no EXPORT; expected at least one")
    yield from _name_problems(instructions, exports)
    yield from _turntable_problems(instructions)
    yield from _size_problems(_TEMPLATE_BYTES + _embedded_size(preset), instructions)


def text_of(instruction: Mapping[str, Any], name: str) -> str:
    """The value of a field, "" if it is missing or not text."""
    value = instruction.get(name)
    return value if isinstance(value, str) else ""


def _name_problems(instructions: Instructions, exports: Sequence[int]) -> Iterator[Problem]:
    """Output names that deceive, do not fit, do not say the format, or name the same file as an earlier one."""
    first: dict[str, int] = {}
    for index in exports:
        name = text_of(instructions[index], "output_file_name")
        if not name or len(name) > _MAX_NAME:
            continue
        pointer = f"/details/instructions/{index}/output_file_name"
        if reason := unsafe_reason(name):
            yield Problem(pointer, f"{name!a} {reason}; expected a plain file name such as front.png")
        if len(name.encode("utf-8", "replace")) > _MAX_NAME_BYTES:
            yield Problem(pointer, f"is longer than {_MAX_NAME_BYTES} bytes; expected a shorter name")
        if lacking := wrong_suffix(text_of(instructions[index], "export_type"), name):
            yield Problem(pointer, f"{name!r} {lacking}; expected a name with that suffix")
        earlier = first.setdefault(same_file_key(name), index)
        if earlier != index:
            other = f"/details/instructions/{earlier}"
            yield Problem(pointer, f"{name!r} names the same file as {other}; expected a unique name")


def _turntable_problems(instructions: Instructions) -> Iterator[Problem]:
    turntables = [index for index, each in enumerate(instructions) if each.get("export_type") == "TURNTABLE"]
    if len(turntables) > MAX_TURNTABLES:
        found = f"found {len(turntables)} turntables; expected at most {MAX_TURNTABLES}"
        yield Problem(
            f"/details/instructions/{turntables[MAX_TURNTABLES]}",
            f"{found}: each is a parameter of the template, and OpenJD allows 50",
        )


def _size_problems(template: int, instructions: Instructions) -> Iterator[Problem]:
    """The first export that makes the template too large: each carries the mutations before it.

    Parameters
    ----------
    template: the size of the template without its steps, in bytes.
    """
    expected = f"expected a template of at most {MAX_BYTES >> 20} MiB"
    if template > MAX_BYTES:
        yield Problem("", f"makes the template too large, which contains the preset; {expected}")
        return
    mutations = 0
    for index, instruction in enumerate(instructions):
        size = _embedded_size(instruction)
        if instruction.get("type") == "MUTATION":
            mutations += size
            continue
        steps = 2 if instruction.get("export_type") == "TURNTABLE" else 1
        template += steps * (_STEP_BYTES + size + mutations)
        if template > MAX_BYTES:
            carried = "each export carries all mutations before it"
            yield Problem(f"/details/instructions/{index}", f"makes the template too large; {expected} ({carried})")
            return


def _embedded_size(value: Any) -> int:
    """An upper bound for the size of a value as embedded JSON, in bytes."""
    text = json.dumps(value, indent=2)
    braces = text.count("{") + text.count("}")
    return len(text) + _INDENTATION * (text.count("\n") + 1) + 5 * braces
