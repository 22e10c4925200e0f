"""Finds fields that OpenJD does not have. The model often tells only what is missing because of them."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Iterator
from typing import Any

from openjd.model.v2023_09 import _model

from ..errors import Problem
from ..validation import json_pointer
from .model_errors import MAX_PROBLEMS, near_name

_FREE = ("variables", "userInterface")
"""Objects whose keys are names that the template chooses, or that the model checks well enough."""


def unknown_fields(template: Any) -> list[Problem]:
    """A problem for each field of a template that no part of an OpenJD template has, no more than 20."""
    return list(itertools.islice(_unknown(template, []), MAX_PROBLEMS))


def without_consequences(problems: list[Problem], unknown: list[Problem]) -> list[Problem]:
    """The problems without those of the objects in which a field is unknown: they are about what it was meant to be."""
    parents = {problem.pointer.rpartition("/")[0] for problem in unknown}
    places = {problem.pointer for problem in unknown}
    return [p for p in problems if p.pointer not in parents | places and not _is_missing_in(p, parents)]


def _is_missing_in(problem: Problem, parents: set[str]) -> bool:
    return problem.message == "is missing" and problem.pointer.rpartition("/")[0] in parents


def _unknown(node: Any, parts: list[str | int]) -> Iterator[Problem]:
    if isinstance(node, dict):
        for key, value in node.items():
            here = [*parts, key]
            if key not in _known():
                near = near_name(str(key), _known())
                hint = f"; did you mean {near!r}?" if near else ""
                yield Problem(json_pointer(here), f"the field {key!r} is unknown{hint}")
            elif key not in _FREE:
                yield from _unknown(value, here)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _unknown(value, [*parts, index])


@functools.cache
def _known() -> frozenset[str]:
    models = [each for each in vars(_model).values() if inspect.isclass(each) and hasattr(each, "model_fields")]
    names = {field.alias or name for model in models for name, field in model.model_fields.items()}
    return frozenset({*names, "$schema"})
