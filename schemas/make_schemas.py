"""Writes `event.schema.json`, from the types in `openjd_vstitcher.events`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from openjd_vstitcher.events import EVENTS

EVENT_SCHEMA = Path(__file__).with_name("event.schema.json")
_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"


def event_schema() -> dict[str, Any]:
    """The JSON Schema of a line of the journal. Events with names that are not listed are valid too."""
    schemas, definitions = msgspec.json.schema_components(EVENTS.values(), ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:openjd-vstitcher:event",
        "title": "Event",
        "description": "A line of a job's journal: the five properties below, and the fields of the event.",
        "type": "object",
        "required": ["seq", "time", "job_id", "attempt", "event"],
        "properties": {
            "seq": {"description": "Position in the journal, from 1.", "type": "integer", "minimum": 1},
            "time": {"description": "UTC, to the millisecond.", "type": "string", "pattern": _TIME},
            "job_id": {"type": "string", "minLength": 1},
            "attempt": {"type": "integer", "minimum": 1},
            "event": {"type": "string", "pattern": "^[a-z][a-z_]*$"},
        },
        "allOf": [
            {"if": {"properties": {"event": {"const": name}}}, "then": schema}
            for name, schema in zip(EVENTS, schemas, strict=True)
        ],
        "$defs": dict(sorted(definitions.items())),
    }


def text() -> str:
    """The content of the file."""
    return json.dumps(event_schema(), indent=2) + "\n"


if __name__ == "__main__":
    EVENT_SCHEMA.write_text(text(), encoding="utf-8")
