"""Parses YAML text as JSON data: no dates, binary data, sets, custom tags or merge keys, and no endless aliases."""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from .data import MAX_DEPTH, MAX_DIGITS, MAX_VALUES, TOO_DEEP, TOO_MANY_VALUES
from .text import BadText, bad_text_at, shortened

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C is about ten times faster. It is missing where PyYAML was built without libyaml."""
_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAG = "tag:yaml.org,2002:"
_READ_AS = {
    "timestamp": "is read as a date; expected it in quotes",
    "merge": "is a merge key; expected the fields themselves",
    "value": "has a special meaning in YAML; expected it in quotes",
}


def parse_yaml(text: str) -> Any:
    """Parse YAML text with one document; None if it has none.

    Raises
    ------
    BadText: it is not valid YAML, holds something that JSON cannot represent, repeats a key, or exceeds a limit.
    """
    if unreadable := _NOT_YAML.search(text):
        code = f"U+{ord(unreadable[0]):04X}"
        raise bad_text_at(text, unreadable.start(), f"invalid YAML: found the character {code}; expected text")
    loader = LOADER(text)
    try:
        return _Composer(loader).document()
    except yaml.YAMLError as error:
        raise _bad_yaml(error) from error
    finally:
        loader.dispose()


def _bad_yaml(error: yaml.YAMLError) -> BadText:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return BadText(f"invalid YAML: {' '.join(str(error).split())}")
    told = filter(None, (getattr(error, "context", None), getattr(error, "problem", None)))
    return _bad_text(f"invalid YAML: {', '.join(told)}", mark)


def _bad_text(message: str, mark: Any) -> BadText:
    return BadText(message, mark.line + 1, mark.column + 1)


class _Composer:
    """Makes the data of a document from the events of a YAML parser."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._values = 0
        self._anchors: dict[str, Any] = {}

    def document(self) -> Any:
        self._loader.get_event()
        if self._loader.check_event(yaml.StreamEndEvent):
            return None
        self._loader.get_event()
        value = self._value(0)
        self._loader.get_event()
        if not self._loader.check_event(yaml.StreamEndEvent):
            raise _bad_text("found a second document; expected one", self._loader.peek_event().start_mark)
        return value

    def _value(self, depth: int) -> Any:
        event = self._loader.get_event()
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                message = f"*{event.anchor} is not defined before this place, or contains itself; expected an anchor"
                raise _bad_text(message, event.start_mark)
            self._count(self._anchors[event.anchor], depth, event.start_mark)
            return self._anchors[event.anchor]
        self._count(None, depth + (not isinstance(event, yaml.ScalarEvent)), event.start_mark)
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(event, depth + 1)
        else:
            value = self._mapping(event, depth + 1)
        if event.anchor:
            self._anchors[event.anchor] = value
        return value

    def _count(self, value: Any, depth: int, mark: Any) -> None:
        """Count a value and all that is in it."""
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        self._values += 1
        depth_inside = depth + isinstance(value, dict | list)
        if self._values > MAX_VALUES:
            raise _bad_text(TOO_MANY_VALUES, mark)
        if depth_inside > MAX_DEPTH:
            raise _bad_text(TOO_DEEP, mark)
        for each in inside:
            self._count(each, depth_inside, mark)

    def _sequence(self, start: yaml.SequenceStartEvent, depth: int) -> list[Any]:
        self._check_tag(start, "seq")
        found = []
        while not self._loader.check_event(yaml.SequenceEndEvent):
            found.append(self._value(depth))
        self._loader.get_event()
        return found

    def _mapping(self, start: yaml.MappingStartEvent, depth: int) -> dict[str, Any]:
        self._check_tag(start, "map")
        found: dict[str, Any] = {}
        while not self._loader.check_event(yaml.MappingEndEvent):
            first = self._loader.peek_event()
            key = self._value(depth)
            self._values -= 1  # keys do not count
            if not isinstance(key, str):
                shown = shortened(str(getattr(first, "value", key)))
                raise _bad_text(f"the key {shown} is not text; expected it in quotes", first.start_mark)
            if key in found:
                raise _bad_text(f"the key {shortened(key)} is repeated; expected each key once", first.start_mark)
            found[key] = self._value(depth)
        self._loader.get_event()
        return found

    def _check_tag(self, event: Any, expected: str) -> None:
        if event.tag not in (None, "!", _TAG + expected):
            raise _bad_text(f"found the tag {shortened(event.tag)}; expected plain JSON data", event.start_mark)

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        text, tag = event.value, event.tag
        if tag in (None, "!"):
            tag = self._loader.resolve(yaml.ScalarNode, text, event.implicit)
        kind = str(tag).removeprefix(_TAG)
        if kind == "str":
            return text
        if kind in _READ_AS:
            raise _bad_text(f"{shortened(text)} {_READ_AS[kind]}", event.start_mark)
        if kind in ("int", "float"):
            return self._number(kind, event)
        if kind not in ("null", "bool"):
            raise _bad_text(f"found the tag {shortened(str(tag))}; expected plain JSON data", event.start_mark)
        return self._constructed(kind, event)

    def _number(self, kind: str, event: yaml.ScalarEvent) -> int | float:
        text = event.value
        if ":" in text:
            raise _bad_text(
                f"{shortened(text)} is read as a number in base 60; expected it in quotes", event.start_mark
            )
        if len(text) > MAX_DIGITS:
            message = f"found a number of {len(text)} characters; expected at most {MAX_DIGITS}, or text in quotes"
            raise _bad_text(message, event.start_mark)
        number: int | float = self._constructed(kind, event)
        if not math.isfinite(number):
            raise _bad_text(f"found {text}; expected a finite number", event.start_mark)
        return number

    def _constructed(self, kind: str, event: yaml.ScalarEvent) -> Any:
        node = yaml.ScalarNode(_TAG + kind, event.value)
        try:
            return getattr(self._loader, f"construct_yaml_{kind}")(node)
        except (ValueError, KeyError, IndexError) as error:
            raise _bad_text(f"{shortened(event.value)} is not a valid !!{kind}", event.start_mark) from error
