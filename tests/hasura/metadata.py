"""Hasura v2 metadata as data: read from a project directory or changed by API calls. Knows nothing of SQL."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.hasura.catalogue import TableKey

_INCLUDE = re.compile(r"^!include\s+(.+)$")
PERMISSION_KINDS = ("select", "insert", "update", "delete")


@dataclass
class TableMetadata:
    """A tracked table; relationships are (name, `using`) pairs, permissions are by kind and role."""

    key: TableKey
    is_enum: bool = False
    configuration: dict[str, Any] = field(default_factory=dict)
    object_relationships: dict[str, dict[str, Any]] = field(default_factory=dict)
    array_relationships: dict[str, dict[str, Any]] = field(default_factory=dict)
    computed_fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    permissions: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=lambda: {kind: {} for kind in PERMISSION_KINDS}
    )


@dataclass
class FunctionMetadata:
    """A tracked function and the roles that may call it."""

    key: TableKey
    configuration: dict[str, Any] = field(default_factory=dict)
    roles: set[str] = field(default_factory=set)


@dataclass
class Metadata:
    """All that is tracked, in one source, and the roles that may not introspect it."""

    tables: dict[TableKey, TableMetadata] = field(default_factory=dict)
    functions: dict[TableKey, FunctionMetadata] = field(default_factory=dict)
    introspection_disabled: set[str] = field(default_factory=set)


def table_key(reference: str | dict[str, Any]) -> TableKey:
    """A qualified name: `author`, or `{schema: public, name: author}`."""
    if isinstance(reference, str):
        return ("public", reference)
    return (reference.get("schema", "public"), reference["name"])


def load_metadata(directory: Path) -> Metadata:
    """Reads `databases/databases.yaml` and what it includes.

    `directory` is the project's `metadata` folder or the project itself. Raises `ValueError` for a layout that
    is not Hasura's version 3.
    """
    root = directory if (directory / "databases").is_dir() else directory / "metadata"
    databases = _read(root / "databases" / "databases.yaml")
    if not isinstance(databases, list) or not databases:
        raise ValueError(f"{root}/databases/databases.yaml lists no database")
    metadata = Metadata()
    introspection = root / "graphql_schema_introspection.yaml"
    if introspection.is_file():
        metadata.introspection_disabled.update(_read(introspection)["disabled_for_roles"])
    for database in databases:
        for entry in database.get("tables") or []:
            table = parse_table(entry)
            metadata.tables[table.key] = table
        for entry in database.get("functions") or []:
            function = parse_function(entry)
            metadata.functions[function.key] = function
    return metadata


def parse_table(entry: dict[str, Any]) -> TableMetadata:
    """One entry of a tables file."""
    return TableMetadata(
        key=table_key(entry["table"]),
        is_enum=entry.get("is_enum", False),
        configuration=entry.get("configuration") or {},
        object_relationships={r["name"]: r["using"] for r in entry.get("object_relationships") or []},
        array_relationships={r["name"]: r["using"] for r in entry.get("array_relationships") or []},
        computed_fields={c["name"]: c["definition"] for c in entry.get("computed_fields") or []},
        permissions={
            kind: {p["role"]: p["permission"] for p in entry.get(f"{kind}_permissions") or []}
            for kind in PERMISSION_KINDS
        },
    )


def parse_function(entry: dict[str, Any]) -> FunctionMetadata:
    """One entry of a functions file."""
    return FunctionMetadata(
        key=table_key(entry["function"]),
        configuration=entry.get("configuration") or {},
        roles={permission["role"] for permission in entry.get("permissions") or []},
    )


def _read(path: Path) -> Any:
    class Loader(yaml.SafeLoader):
        pass

    def include(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
        assert isinstance(node, yaml.ScalarNode)
        return _read(path.parent / loader.construct_scalar(node))

    Loader.add_constructor("!include", include)
    return _resolve(yaml.load(path.read_text(encoding="utf-8"), Loader), path.parent)


def _resolve(value: Any, base: Path) -> Any:
    if isinstance(value, str) and (match := _INCLUDE.match(value)):
        return _read(base / match.group(1).strip())
    if isinstance(value, list):
        return [_resolve(item, base) for item in value]
    if isinstance(value, dict):
        return {key: _resolve(item, base) for key, item in value.items()}
    return value
