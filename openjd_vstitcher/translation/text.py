"""Templates as text: YAML that is the same for the same template, constant JSON inside it, and names."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import yaml

MAX_NAME = 64
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
Template = dict[str, Any]


def to_yaml(template: Template) -> str:
    """The template as YAML, the same text for the same template."""
    return yaml.dump(template, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=118)


def template_digest(template: Template) -> str:
    """SHA-256 of the template's YAML, in hexadecimal: what an asset's provenance names."""
    return hashlib.sha256(to_yaml(template).encode()).hexdigest()


def constant_json(value: Any) -> str:
    """JSON that passes through an embedded file of a template unchanged.

    Embedded text is a format string: `{{` and `}}` in it would be read as references. Indentation keeps the braces of
    the structure apart, and braces inside strings are written as escapes. Keys are in alphabetical order: a database
    keeps no other order, and the same preset must give the same bytes wherever it comes from.
    """
    text = json.dumps(value, indent=2, ensure_ascii=True, sort_keys=True, allow_nan=False)
    return _JSON_STRING.sub(lambda m: m[0].replace("{", "\\u007b").replace("}", "\\u007d"), text)


def step_name(order: int, name: str) -> str:
    """A step's name: its place among the exports and its file; at most 64 characters and still unique and readable."""
    full = f"{order:02d} {plain(name)}"
    if len(full) <= MAX_NAME:
        return full
    stem, dot, suffix = full.rpartition(".")
    ending = f"~{hashlib.sha256(name.encode()).hexdigest()[:8]}" + (dot + suffix if dot and len(suffix) <= 8 else "")
    return (stem if dot else full)[: MAX_NAME - len(ending)] + ending


def plain(text: str) -> str:
    """Text that a name may hold: no control characters, and no braces that a format string would read."""
    text = "".join(" " if ord(c) < 32 or 127 <= ord(c) < 160 else c for c in text)
    return text.replace("{", "(").replace("}", ")")


class _Dumper(yaml.SafeDumper):
    """Writes embedded files as literal blocks, and no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_str(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_str)
