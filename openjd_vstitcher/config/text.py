"""Writes the configuration as text: the commented file, the effective values, and the reference page."""

from __future__ import annotations

import dataclasses
import json
import os
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..redaction import Redaction, is_secret, masked
from .file import ReadConfig, type_name
from .keys import ARGUMENT, EXPRESSION, PLAIN, Declared, declared
from .storage import S3StorageConfig
from .tables import Config, PopupRule

_HIDDEN = "[redacted]"
_PLAIN = (PLAIN, ARGUMENT, EXPRESSION)
"""Checks that need no mention."""
_HEAD = """\
# The configuration of openjd-vstitcher. Every key has its default here; relative paths are relative to this file.
# Credentials are never in this file: S3 uses the AWS credential chain, Hasura a file, a variable or a command.
"""
_REFERENCE_HEAD = """\
# Configuration

One TOML file: `--config`, else `$OPENJD_VS_CONFIG`, else `~/.config/openjd-vstitcher/config.toml` (Windows:
`%APPDATA%\\openjd-vstitcher\\config.toml`). Without a file the defaults apply. Relative paths are relative to the file.

```
openjd-vs config init [FILE]       # write a commented file with every key at its default
openjd-vs config validate [FILE]   # report all mistakes at once; exit code 2 if there are any
openjd-vs config show [--json]     # the values in effect and where they come from, secrets masked
```

This page is made from the declarations in `openjd_vstitcher/config/tables.py` with `openjd-vs config reference`.
"""


def commented_file() -> str:
    """A configuration file with every key at its default, each with a comment that explains it."""
    parts = [_HEAD]
    for name, description, cls in _tables():
        lines = [f"# {description}", f"[{name}]"]
        later = []
        for item in _keys(cls):
            if item.hint == tuple[PopupRule, ...]:
                later += ["", *_comment(item), *_commented_rule(f"{name}.{item.name}")]
            elif isinstance(item.key.default, dict):
                later += ["", *_comment(item), f"[{name}.{item.name}]", f"# {item.key.example}"]
            else:
                lines += [*_comment(item), *_assignment(item)]
        parts.append("\n".join([*lines, *later]) + "\n")
    return "\n".join(parts)


def effective_values(read: ReadConfig) -> list[dict[str, Any]]:
    """Each key with its value and origin (`default`, `file` or `environment VARIABLE`), secrets masked."""
    hide = Redaction(os.environ, also=read.config.secret_variables)
    values = []
    for name, _, _ in _tables():
        table: Any = read.config
        for part in name.split("."):
            table = getattr(table, part)
        for item in _keys(type(table)):
            key = f"{name}.{item.name}"
            shown = _plain(getattr(table, item.name), hide, arguments=key in ("engine.command",))
            if key == "platform.credential_command":
                shown = [*shown[:1], *([_HIDDEN] * len(shown[1:]))]
            values.append({"key": key, "value": shown, "origin": read.origins.get(key, "default")})
    return values


def effective_file(read: ReadConfig) -> str:
    """The values in effect as TOML, each with its origin as a comment."""
    lines = [f"# {read.config.source or 'no configuration file: the defaults apply'}"]
    table = ""
    for entry in effective_values(read):
        name, _, key = entry["key"].rpartition(".")
        if name != table:
            lines += ["", f"[{name}]"]
            table = name
        if entry["value"] is not None:
            lines.append(f"{key} = {toml(entry['value'])}  # {entry['origin']}")
    return "\n".join(lines) + "\n"


def file_for_commands(config: Config) -> str:
    """What the commands of a session need of a configuration, as a file: engine, inputs, handlers and scripts only.

    Inputs are not cached, because a cache that jobs share is a way from one job to another.
    """
    needed = {
        "engine": config.engine,
        "inputs": dataclasses.replace(config.inputs, cache_bytes=0),
        "storage.s3": S3StorageConfig(endpoint_url=config.storage.s3.endpoint_url),
        "jobs": dataclasses.replace(config.jobs, destination="", asset_types={}),
    }
    lines = []
    for name, table in needed.items():
        values = {item.name: getattr(table, item.name) for item in _keys(type(table))}
        changed = {key: v for key, v in values.items() if v != getattr(type(table)(), key)}
        lines += [f"[{name}]", *(f"{key} = {toml(value)}" for key, value in changed.items() if key != "cache_dir")]
    return "\n".join(lines) + "\n"


def reference() -> str:
    """The reference page in Markdown, a section for each table."""
    parts = [_REFERENCE_HEAD]
    for name, description, cls in _tables():
        parts.append(f"## `[{name}]`\n\n{description}\n\n{_markdown(_keys(cls))}")
        if any(item.hint == tuple[PopupRule, ...] for item in _keys(cls)):
            parts.append(f"## `[[{name}.popup]]`\n\nA rule for a modal window.\n\n{_markdown(declared(PopupRule))}")
    return "\n".join(parts)


def toml(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Path):
        value = value.as_posix()  # valid on Windows too, where the page and the file must read the same
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{toml(str(key))} = {toml(item)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(toml, value))}]"
    return repr(value)


def _tables(cls: type = Config, prefix: str = "") -> Iterator[tuple[str, str, type]]:
    for item in declared(cls):
        if item.is_table:
            yield prefix + item.name, item.key.description, item.hint
            yield from _tables(item.hint, f"{prefix}{item.name}.")


def _keys(cls: type) -> Iterator[Declared]:
    return (item for item in declared(cls) if not item.is_table)


def _comment(item: Declared) -> list[str]:
    return textwrap.wrap(_described(item), 116, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def _described(item: Declared) -> str:
    notes = [*_values(item), *([f"${item.key.variable} overrides it"] if item.key.variable else [])]
    return item.key.description + (f" ({'; '.join(notes)})" if notes else "")


def _values(item: Declared) -> list[str]:
    """What is accepted, where type and description do not say it."""
    key = item.key
    checks = [(key.check, ""), (key.names, "names: "), (key.each, "each: ")]
    return [what + check.expected.removeprefix("of ") for check, what in checks if check and check not in _PLAIN]


def _assignment(item: Declared) -> list[str]:
    default, example = item.key.default, item.key.example
    if default is None:
        return [f"# {item.name} = {example}"]
    size = f"  # {_size(default)}" if "bytes" in item.name and default else ""
    return [f"{item.name} = {toml(default)}{size}" + (f"  # such as {example}" if example else "")]


def _commented_rule(name: str) -> list[str]:
    keys = declared(PopupRule)
    return [
        f"# [[{name}]]",
        *(f"# {i.name} = {i.key.example or toml(i.key.default)}  # {i.key.description}" for i in keys),
    ]


def _markdown(items: Iterator[Declared]) -> str:
    rows = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    for item in items:
        default = item.key.default
        shown = "" if default in (None, "", (), {}) else f"`{toml(default)}`"
        if "bytes" in item.name and default:
            shown = _size(default)
        meaning = _described(item)
        if item.key.example:
            meaning += f" Example: `{item.key.example}`"
        row = (f"`{item.name}`", type_name(item.hint).removeprefix("an ").removeprefix("a "), shown, meaning)
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |")
    return "\n".join(rows) + "\n"


def _size(count: int) -> str:
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if count % (1 << shift) == 0:
            return f"{count >> shift} {unit}"
    return f"{count} bytes"


def _plain(value: Any, hide: Callable[[str], str], *, arguments: bool) -> Any:
    """A value without secrets, as JSON data."""
    if isinstance(value, (str, Path)):
        return masked(hide(str(value)))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {
            name: _HIDDEN
            if isinstance(item, str) and is_secret(name, item)
            else _plain(item, hide, arguments=arguments)
            for name, item in value.items()
        }
    if isinstance(value, Sequence):
        items = [_plain(item, hide, arguments=arguments) for item in value]
        return _masked_arguments(items) if arguments else items
    return value


def _masked_arguments(arguments: list[Any]) -> list[Any]:
    """A command line without the values of options such as `--token`."""
    shown: list[Any] = []
    for number, argument in enumerate(arguments):
        name, equals, _ = str(argument).partition("=")
        before = str(arguments[number - 1]) if number else ""
        if before.startswith("-") and "=" not in before and is_secret(before.lstrip("-"), ""):
            shown.append(_HIDDEN)
        elif equals and is_secret(name.lstrip("-"), ""):
            shown.append(f"{name}={_HIDDEN}")
        else:
            shown.append(argument)
    return shown
