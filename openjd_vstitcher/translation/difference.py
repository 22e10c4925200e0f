"""Compares two templates by what they mean: not by the order of fields, by quotes or by written-out defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from openjd.model import EnvironmentTemplate, JobTemplate, model_to_object

_NOTHING = object()


@dataclass(frozen=True)
class Difference:
    """A place where two templates differ.

    Parameters
    ----------
    place: names of fields, steps, parameters and environments, such as `steps.render.script`.
    old, new: the values; None where there is none.
    """

    place: str
    old: Any
    new: Any


def differences(old: JobTemplate | EnvironmentTemplate, new: JobTemplate | EnvironmentTemplate) -> list[Difference]:
    """Every difference, in the order of the old template. Named things are compared by name, wherever they are."""
    return list(_compared(model_to_object(model=old), model_to_object(model=new), ""))


def _compared(old: Any, new: Any, place: str) -> Iterator[Difference]:
    named_old, named_new = _named(old), _named(new)
    if named_old is not None and named_new is not None:
        yield from _fields(named_old, named_new, place)
        common = [name for name in named_old if name in named_new]
        if common != [name for name in named_new if name in named_old]:
            yield Difference(f"{place} (order)", common, [name for name in named_new if name in named_old])
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _fields(old, new, place)
    elif old != new:
        yield Difference(place, None if old is _NOTHING else old, None if new is _NOTHING else new)


def _fields(old: Mapping[str, Any], new: Mapping[str, Any], place: str) -> Iterator[Difference]:
    for key in dict.fromkeys([*old, *new]):
        yield from _compared(old.get(key, _NOTHING), new.get(key, _NOTHING), f"{place}.{key}" if place else str(key))


def _named(value: Any) -> Mapping[str, Any] | None:
    """A list of things that have names, by name; None if it is something else."""
    if not isinstance(value, list) or not all(isinstance(each, Mapping) and "name" in each for each in value):
        return None
    return {str(each["name"]): each for each in value}
