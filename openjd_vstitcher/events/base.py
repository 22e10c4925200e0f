"""What all events share: the base class, the wire form, and bounded numbers."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=0)]
Position = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(ge=0)]
Percent = Annotated[float, Meta(ge=0, le=100)]


def _snake_case(class_name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", class_name).lower()


class Event(Struct, frozen=True, omit_defaults=True, tag_field="event", tag=_snake_case):
    """Something that happened to a job."""


class Unknown(Event, frozen=True, kw_only=True, tag=False):
    """An event of another release: its name, or the types of its fields, are not known here."""

    name: str
    fields: dict[str, Any]


def name_of(event: Event) -> str:
    """The event's name in the journal, such as `step_started`."""
    return event.name if isinstance(event, Unknown) else str(type(event).__struct_config__.tag)


def fields_of(event: Event) -> dict[str, Any]:
    """The event's fields as JSON values. Fields that have their default value are left out."""
    if isinstance(event, Unknown):
        return dict(event.fields)
    fields = builtins_of(event)
    del fields["event"]
    return fields


def builtins_of(value: Struct) -> dict[str, Any]:
    """A value as JSON data."""
    built: dict[str, Any] = msgspec.to_builtins(value, enc_hook=str)
    return built
