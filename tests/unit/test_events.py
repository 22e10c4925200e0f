"""Every event has a name, a form in the schema and a sentence; what actions report is decoded strictly."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
import typing
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from openjd_vstitcher import action_output, events
from openjd_vstitcher.events import EVENTS, Event, event_of, fact, fields_of, name_of
from openjd_vstitcher.journal import Entry
from openjd_vstitcher.resources import resource
from openjd_vstitcher.sentences import action_title, sentence

MAKE = runpy.run_path(str(resource("schemas") / "make_schemas.py"))
event_schema: Callable[[], dict[str, Any]] = MAKE["event_schema"]
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
LIMITED = {"event": "limited", "output": "render.png", "field": "dpi", "asked": 800, "used": 132.2}


def example(kind: Any) -> Any:
    """A value of a type, from its JSON schema."""
    schema = msgspec.json.schema(kind)
    return value(schema, schema.get("$defs", {}))


def value(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return value(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return value(schema["anyOf"][0], definitions)
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        return {name: value(of, definitions) for name, of in schema.get("properties", {}).items()}
    return {"string": "x", "integer": 1, "number": 1.5, "boolean": True, "array": [], "null": None}.get(
        schema.get("type", "null")
    )


def event_example(kind: type[Event]) -> Event:
    return msgspec.convert(example(kind), kind)


def test_the_schema_is_the_one_that_is_generated() -> None:
    assert resource("schemas/event.schema.json").read_text() == MAKE["text"](), "run: python schemas/make_schemas.py"


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_an_event_reads_back_is_valid_and_has_a_sentence(name: str) -> None:
    event = event_example(EVENTS[name])
    assert name_of(event) == name
    assert event_of(name, json.loads(json.dumps(fields_of(event)))) == event
    Draft202012Validator(event_schema()).validate(Entry(1, NOW, "j", 1, event).as_json())
    assert sentence(event) != sentence(events.Unknown(name=name, fields=fields_of(event)))


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_no_field_has_the_name_of_a_fact_of_an_entry(name: str) -> None:
    assert not {"seq", "time", "job_id", "attempt", "event"} & set(EVENTS[name].__struct_encode_fields__)


def test_the_schema_refuses_an_event_with_a_field_of_another_type() -> None:
    entry = Entry(1, NOW, "j", 1, events.StepEnded(step="a", state="failed")).as_json()
    validator = Draft202012Validator(event_schema())
    assert validator.is_valid(entry)
    assert not validator.is_valid({**entry, "state": "postponed"})
    assert not validator.is_valid({**entry, "seq": 0})
    assert validator.is_valid({**entry, "event": "of_a_later_release", "state": "postponed"})


def test_an_unknown_event_is_shown_with_its_fields() -> None:
    assert sentence(event_of("garment_folded", {"by": "hand"})) == "garment_folded by: hand"


def test_an_action_can_report_a_fact() -> None:
    assert fact(json.dumps({**LIMITED, "seq": 7, "job_id": "8"})) == events.Limited(
        output="render.png", field="dpi", asked=800, used=132.2
    )


@pytest.mark.parametrize(
    "name", sorted(set(EVENTS) - {kind.__struct_config__.tag for kind in typing.get_args(events.Fact)})
)
def test_an_action_can_report_no_other_event(name: str) -> None:
    assert fact(json.dumps({**example(EVENTS[name]), "event": name})) is None


@pytest.mark.parametrize(
    "text",
    ["", "no json", "[" * 60_000, "3", '"limited"', "{}", '{"event": 3}', '{"event": "limited", "field": "dpi"}'],
)
def test_what_is_not_a_fact_is_ignored(text: str) -> None:
    assert fact(text) is None


def test_a_fact_holds_nothing_that_a_database_rejects() -> None:
    text = json.dumps({**LIMITED, "output": "a\0b\ud800", "asked": [float("inf")], "reason": "x" * 10_000})
    found = fact(text)
    assert isinstance(found, events.Limited)
    assert found.output == "a\\0b\\ud800"
    assert found.asked == [None]
    assert len(found.reason or "") == 4_000
    nested: Any = "deep"
    for _ in range(100):
        nested = [nested]
    found = fact(json.dumps({**LIMITED, "asked": nested}))
    assert isinstance(found, events.Limited)
    assert json.dumps(found.asked).count("[") <= 20


def test_a_failure_with_long_texts_still_fits_in_a_line_of_output() -> None:
    failure = {
        "export": "front.png",
        "stage": "export",
        "message": "it failed",
        "engine_error": "é" * 100_000,
        "log_tail": ["ü" * 50_000] * 20,
        "parameters": {"x": "y" * 100_000},
    }
    line = action_output.event_json({"event": "export_failed", **failure})
    assert len(line) < action_output.MOST_BYTES
    found = fact(line)
    assert isinstance(found, events.ExportFailed)
    assert (found.export, found.message, found.engine_error[:5]) == ("front.png", "it failed", "ééééé")


def test_a_title_names_the_task() -> None:
    assert action_title("run", step="01 turntable", task={"Frame": 3}) == "run 01 turntable (Frame 3)"
    assert action_title("enter", environment="VStitcher") == "enter VStitcher"


def test_the_engines_client_does_without_the_types_of_events() -> None:
    code = "import sys, openjd_vstitcher.engine.client; print('msgspec' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
