"""Turns the errors of the OpenJD model into problems: each at the place in the template, with what was expected."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..errors import Problem
from ..validation import json_pointer
from .extensions import EXTENSIONS

MAX_PROBLEMS = 20
_MAX_DETAILS = 100
_SHOWN = 60
_NOTHING = object()
_EXPECTED = {
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "string_type": "text",
    "int_type": "an integer",
    "int_parsing": "an integer",
    "bool_type": "true or false",
}
_INDEX_OF_BRACES = re.compile(r"interpolation expression at \[(\d+), (\d+)\]")
_MISSING = "Values missing for required job parameters"
"""Which the model also tells of a parameter whose value is wrong."""
_NEEDS = re.compile(r"requires the (\w+) extension")
_NO_VARIABLE = re.compile(r"Variable ((?:Raw)?Param\.(\w+)) does not exist")


def model_problems(error: BaseException, data: Any = None) -> list[Problem]:
    """The problems that an error of the model tells of, no more than 20.

    Parameters
    ----------
    data: the template that it is about.
    """
    found = list(_detailed(error, data)) or [_of_text("", line, None, data) for line in _lines(error)]
    problems = list(dict.fromkeys(found))
    broken = [problem.pointer for problem in problems if problem.pointer.startswith("/parameterDefinitions/")]
    if broken:
        problems = [problem for problem in problems if not _follows(problem, data)]
    return problems[:MAX_PROBLEMS]


def value_problems(error: BaseException, names: Sequence[str]) -> list[Problem]:
    """The problems of parameter values that an error of the model tells of, each at the parameter's definition.

    Parameters
    ----------
    names: the names of the defined parameters, in order.
    """
    if detailed := list(_detailed(error, None)):
        return list(dict.fromkeys(detailed))[:MAX_PROBLEMS]
    problems = []
    for line in itertools.islice(_lines(error), MAX_PROBLEMS):
        words = set(re.findall(r"\w+", line))
        named = [n for n, name in enumerate(names) if name in words]
        place = f"/parameterDefinitions/{named[0]}" if len(named) == 1 else ""
        unknown = line.partition("not defined in the template: ")[2].split(", ")
        hints = [f" ({name}: did you mean {near}?)" for name in unknown if (near := near_name(name, names))]
        problems.append(Problem(place, line + "".join(hints)))
    places = [problem.pointer for problem in problems]
    return [p for p in problems if not (p.message.startswith(_MISSING) and places.count(p.pointer) > 1)]


def near_name(name: str, known: Iterable[str]) -> str:
    """The known name that a wrong one is probably meant to be, "" if there is none."""
    by_lower = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[near[0]] if near else ""


def _lines(error: BaseException) -> Iterator[str]:
    return (line.strip() for line in (str(error) or repr(error)).splitlines() if line.strip())


def _detailed(error: BaseException, data: Any) -> Iterator[Problem]:
    """What pydantic says; the model keeps it as the context of its own error, whose text is less exact."""
    source: BaseException | None = error
    while source is not None and not hasattr(source, "errors"):
        source = source.__cause__ or source.__context__
    details: Sequence[Mapping[str, Any]] = source.errors() if source is not None else []
    return itertools.chain.from_iterable(_problems(each, data) for each in details[:_MAX_DETAILS])


def _problems(detail: Mapping[str, Any], data: Any) -> Iterator[Problem]:
    kind, context, found = detail["type"], detail.get("ctx") or {}, detail.get("input")
    place, name = _place(detail["loc"], data)
    if kind == "extra_forbidden":
        yield Problem(place, f"the field {name!r} is unknown here")
    elif kind == "missing":
        yield Problem(f"{place}{json_pointer([name])}", "is missing")
    elif kind == "union_tag_invalid":
        field, tags = str(context["discriminator"]).strip("'"), re.findall(r"'([^']+)'", str(context["expected_tags"]))
        yield Problem(f"{place}/{field}", _not_one_of(context["tag"], tags))
    elif kind == "union_tag_not_found":
        yield Problem(place, f"found {_shown(found)}; it does not say which of the possible types it is")
    elif kind in ("enum", "literal_error"):
        yield Problem(place, _not_one_of(found, re.findall(r"'([^']+)'", str(context["expected"]))))
    elif kind == "too_short":
        yield Problem(place, f"is too short; expected at least {context['min_length']}")
    elif kind in _EXPECTED:
        yield Problem(place, f"found {_shown(found)}; expected {_EXPECTED[kind]}")
    else:
        yield _of_text(place, str(context.get("error") or detail["msg"]), found, data)


def _of_text(place: str, message: str, found: Any, data: Any) -> Problem:
    """A problem that the model tells in words."""
    if (braces := _INDEX_OF_BRACES.search(message)) and isinstance(found, str):
        return _braces(place, message, found, int(braces[1]), int(braces[2]))
    if "as a format string requires" in message and "{{" not in str(found):
        return Problem(place, f"found {_shown(found)}; expected a number")
    if needs := _NEEDS.search(message):
        return Problem(place, f"{message.rstrip('.')}; expected 'extensions: [{needs[1]}]' in the template")
    if message.startswith("Unknown step "):
        steps = data.get("steps") if isinstance(data, dict) else None
        names = [str(step["name"]) for step in steps or [] if isinstance(step, dict) and "name" in step]
        return Problem(place, f"no step is named {found!r}{_hint(str(found), names)}; there are {', '.join(names)}")
    if message.startswith("Unsupported extension names: "):
        names = message.partition(": ")[2].split(", ")
        hints = "".join(_hint(name, EXTENSIONS) for name in names)
        return Problem(place, f"unknown {', '.join(names)}{hints}; expected some of {', '.join(EXTENSIONS)}")
    if message.startswith("Unknown template version"):
        return Problem("/specificationVersion", message)
    return Problem(place, message)


def _braces(place: str, message: str, text: str, start: int, end: int) -> Problem:
    """The trap of embedded JSON: the braces of OpenJD's expressions end nested objects too."""
    inside = text[start:end]
    if "Missing opening braces" in message:
        offset = start + inside.rfind("}}")
        what = "'}}' ends an expression that does not begin; in JSON, write '} }'"
    elif "Braces mismatch" in message:
        offset = start + inside.rfind("{{")
        what = "'{{' begins an expression that does not end; in JSON, write '{ {', or \\u007b in a string"
    else:
        offset = start
        reason = message.partition("Reason: ")[2] or message
        what = f"{_shown(inside)} is not a valid expression: {reason}"
    return Problem(place, what, offset=offset)


def _place(location: Sequence[int | str], data: Any) -> tuple[str, str]:
    """The pointer to a place that exists in the template, and the last part of the model's own location.

    The model's location also holds names of types, and in one case `step` for `steps`.
    """
    parts: list[int | str] = []
    node = data
    for part in location:
        step = "steps" if part == "step" and not parts else part
        child = _child(node, step)
        if child is not _NOTHING:
            node = child
            parts.append(step)
    return json_pointer(parts), str(location[-1]) if location else ""


def _child(node: Any, part: int | str) -> Any:
    if isinstance(node, dict):
        return node.get(part, _NOTHING)
    return node[part] if isinstance(node, list) and isinstance(part, int) and part < len(node) else _NOTHING


def _follows(problem: Problem, data: Any) -> bool:
    """Whether a problem is only that the definition of a parameter is wrong, which another problem says."""
    missing = _NO_VARIABLE.search(problem.message)
    defined = data.get("parameterDefinitions") if isinstance(data, dict) else None
    names = [each.get("name") for each in defined if isinstance(each, dict)] if isinstance(defined, list) else []
    return bool(missing and missing[2] in names)


def _not_one_of(found: Any, known: Sequence[str]) -> str:
    return f"found {_shown(found)}; expected one of {', '.join(known)}{_hint(str(found), known)}"


def _hint(name: str, known: Iterable[str]) -> str:
    near = near_name(name, known)
    return f" (did you mean {near!r}?)" if near else ""


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
