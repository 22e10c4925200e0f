"""Violations of a schema become problems with a JSON pointer and a message in plain words."""

from __future__ import annotations

from typing import Any

import pytest

from openjd_vstitcher.validation import json_pointer, schema_problems, shipped_schema

ITEM = {"role": "garment", "name": "tee.bw", "url": "https://h/tee.bw"}


def told(schema: dict[str, Any], data: Any, **options: Any) -> list[str]:
    return [str(problem) for problem in schema_problems(schema, data, **options)]


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"type": "integer"}, 1.5, "found 1.5; expected an integer"),
        ({"type": ["string", "null"]}, [], "found []; expected a string"),
        ({"type": ["string", "integer"]}, [], "found []; expected a string or an integer"),
        ({"type": "null"}, 1, "found 1; expected null"),
        ({"enum": ["a", "b"]}, "c", 'unknown value "c"; expected one of a, b'),
        ({"minimum": 1, "maximum": 9}, 0, "found 0; expected 1 to 9"),
        ({"minimum": 1}, 0, "found 0; expected at least 1"),
        ({"exclusiveMinimum": 0, "maximum": 9}, 0, "found 0; expected at most 9 and more than 0"),
        ({"minLength": 1}, "", "is empty; expected at least one"),
        ({"minItems": 3}, [1], "found 1 item; expected at least 3"),
        ({"maxLength": 3}, "abcd", "found 4 characters; expected at most 3"),
        ({"minItems": 1, "maxItems": 2}, [1, 2, 3], "found 3 items; expected 1 to 2"),
    ],
)
def test_message_says_what_was_found_and_what_was_expected(schema: dict[str, Any], value: Any, message: str) -> None:
    assert told({"properties": {"x": schema}}, {"x": value}) == [f"/x: {message}"]


def test_message_is_short_however_long_the_value() -> None:
    for schema in ({"type": "array"}, {"pattern": "^a"}, {"maxLength": 5}):
        (message,) = told(schema, "x" * 100_000)
        assert len(message) < 400


def test_a_wrong_size_is_told_as_such_even_of_a_field_that_has_an_explanation() -> None:
    schema = {"properties": {"x": {"type": "array", "minItems": 1, "maxItems": 2}}}
    options: dict[str, Any] = {"expected": {"x": "a list"}, "explain": {"x": lambda value: "is bad"}}
    assert told(schema, {"x": [1, 2, 3]}, **options) == ["/x: found 3 items; expected 1 to 2"]
    assert told(schema, {"x": []}, **options) == ["/x: [] is bad; expected a list"]


def test_the_items_of_a_list_that_is_too_long_are_not_looked_at() -> None:
    assert told({"maxItems": 2, "items": {"type": "string"}}, [1] * 3) == ["/: found 3 items; expected at most 2"]
    assert len(told({"maxItems": 3, "items": {"type": "string"}}, [1] * 3)) == 3


def test_each_missing_field_has_its_own_pointer() -> None:
    assert told({"required": ["a/b", "it's"]}, {}, expected={"it's": "a name"}) == [
        "/a~1b: is missing; expected a value",
        "/it's: is missing; expected a name",
    ]


def test_problems_are_in_document_order_and_one_for_each_place() -> None:
    schema = {"items": {"type": "string", "minLength": 2, "pattern": "^b"}}
    assert [p.pointer for p in schema_problems(schema, ["a"] * 12)] == [f"/{n}" for n in range(12)]


def test_known_fields_are_explained() -> None:
    schema = {"properties": {"x": {"pattern": "^a"}, "y": {"pattern": "^a"}}}
    expected = {"x": "a name", "y": "a name"}
    assert told(
        schema, {"x": "b", "y": "b"}, expected=expected, explain={"y": lambda value: f"begins with {value}"}
    ) == [
        '/x: found "b"; expected a name',
        '/y: "b" begins with b; expected a name',
    ]


def test_pointers_are_escaped() -> None:
    assert json_pointer(["a/b", 0, "c~d"]) == "/a~1b/0/c~0d"
    assert json_pointer([]) == ""


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        ("https://h/canary", ""),
        (["https://h/canary"], "/0"),
        ({"inputs": "https://h/canary"}, "/inputs"),
        ({"inputs": {"url": "https://h/canary"}}, "/inputs"),
        ({"inputs": [{**ITEM, "url": "ftp://h/canary"}]}, "/inputs/0/url"),
        ({"inputs": [{**ITEM, "url": ["https://h/canary"]}]}, "/inputs/0/url"),
        ({"inputs": [{**ITEM, "url": "https://canary" + "x" * 20_000}]}, "/inputs/0/url"),
        ({"inputs": [{**ITEM, "role": "https://h/canary"}]}, "/inputs/0/role"),
        ({"inputs": [{**ITEM, "name": "https://h/canary"}]}, "/inputs/0/name"),
        ({"inputs": [{**ITEM, "headers": {"Cookie": "canary\r\n"}}]}, "/inputs/0/headers/Cookie"),
        ({"inputs": [{**ITEM, "headers": "canary"}]}, "/inputs/0/headers"),
        ({"inputs": [{**ITEM, "sha256": "canary"}]}, "/inputs/0/sha256"),
    ],
)
def test_hidden_values_are_never_repeated(data: Any, pointer: str) -> None:
    explain = {"name": lambda value: "contains a colon"}
    for options in ({}, {"expected": {"url": "an https:// URL", "name": "a file name"}, "explain": explain}):
        problems = schema_problems(shipped_schema("inputs_manifest"), data, hide_values=True, **options)
        assert [problem.pointer for problem in problems] == [pointer]
        assert "canary" not in problems[0].message
