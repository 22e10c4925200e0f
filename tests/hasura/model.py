"""Metadata and catalogue together: tables under their GraphQL names, with relationships and functions resolved."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import psycopg

from tests.hasura.catalogue import (
    Argument,
    Catalogue,
    Column,
    ForeignKey,
    Function,
    Table,
    TableKey,
    read_catalogue,
    read_enum,
)
from tests.hasura.errors import HasuraError
from tests.hasura.metadata import FunctionMetadata, Metadata, TableMetadata, table_key

EnumValues = tuple[tuple[str, str | None], ...]
_GRAPHQL_NAME = re.compile(r"^[_A-Za-z][_0-9A-Za-z]*$")


@dataclass(frozen=True)
class Relationship:
    """A join: each key of `mapping` is a column here, its value the equal column of `target`."""

    name: str
    is_array: bool
    target: TableKey
    mapping: dict[str, str]
    nullable: bool = True
    target_first: bool = False


@dataclass(frozen=True)
class ComputedField:
    """A function of a row, shown as a field."""

    name: str
    function: Function
    table_argument: Argument
    session_argument: str | None

    @property
    def arguments(self) -> tuple[Argument, ...]:
        hidden = {self.table_argument.name, self.session_argument}
        return tuple(a for a in self.function.arguments if a.name not in hidden)


@dataclass(frozen=True)
class TrackedTable:
    """A table as GraphQL sees it; `columns` and `enums` are keyed by the column's GraphQL name."""

    table: Table
    metadata: TableMetadata
    name: str
    columns: dict[str, Column]
    relationships: dict[str, Relationship]
    computed_fields: dict[str, ComputedField]
    enums: dict[str, TableKey] = field(default_factory=dict)
    enum_values: EnumValues = ()

    @property
    def key(self) -> TableKey:
        return self.table.key

    @cached_property
    def graphql_names(self) -> dict[str, str]:
        """From the database's column names to GraphQL's."""
        return {column.name: name for name, column in self.columns.items()}

    def root(self, kind: str, default: str) -> str:
        """The name of a root field, from `custom_root_fields` where they have it."""
        custom = (self.metadata.configuration.get("custom_root_fields") or {}).get(kind)
        if isinstance(custom, dict):
            custom = custom.get("name")
        return custom or default


@dataclass(frozen=True)
class TrackedFunction:
    """A function as a root field that gives rows of `table`."""

    function: Function
    metadata: FunctionMetadata
    name: str
    aggregate_name: str
    table: TableKey
    is_mutation: bool

    @property
    def session_argument(self) -> str | None:
        return self.metadata.configuration.get("session_argument")

    @property
    def arguments(self) -> tuple[Argument, ...]:
        return tuple(a for a in self.function.arguments if a.name != self.session_argument)


@dataclass(frozen=True)
class Model:
    """Everything that the schema is built from; `stringify_numbers` gives numbers that JSON may round as text."""

    tables: dict[TableKey, TrackedTable]
    functions: tuple[TrackedFunction, ...]
    stringify_numbers: bool = False


async def read_model(
    connection: psycopg.AsyncConnection[Any], metadata: Metadata, stringify_numbers: bool = False
) -> Model:
    """Resolves the metadata against the database.

    Raises `HasuraError` (`invalid-configuration`) for metadata that does not fit: a test server has no use for
    Hasura's inconsistent-object list.
    """
    catalogue = await read_catalogue(connection)
    enums = {
        key: await read_enum(connection, _table(catalogue, key))
        for key, table in metadata.tables.items()
        if table.is_enum
    }
    tables = {key: _track(catalogue, metadata, table, enums) for key, table in metadata.tables.items()}
    functions = tuple(_track_function(catalogue, metadata, f) for f in metadata.functions.values())
    return Model(tables, functions, stringify_numbers)


def invalid(message: str) -> HasuraError:
    """Metadata that does not fit the database."""
    return HasuraError(message, "invalid-configuration")


def _table(catalogue: Catalogue, key: TableKey) -> Table:
    if key not in catalogue.tables:
        raise HasuraError(f'no such table/view exists in source: "{".".join(key)}"', "not-exists")
    return catalogue.tables[key]


def graphql_name(key: TableKey) -> str:
    """Hasura's default name: the table's, after its schema's unless that is `public`."""
    schema, name = key
    return name if schema == "public" else f"{schema}_{name}"


def _track(
    catalogue: Catalogue, metadata: Metadata, entry: TableMetadata, enums: dict[TableKey, EnumValues]
) -> TrackedTable:
    table = _table(catalogue, entry.key)
    config = entry.configuration
    custom = dict(config.get("custom_column_names") or {})
    for column, settings in (config.get("column_config") or {}).items():
        if settings.get("custom_name"):
            custom[column] = settings["custom_name"]
    names = {custom.get(name, name): column for name, column in table.columns.items()}
    columns = {name: column for name, column in names.items() if _GRAPHQL_NAME.match(name)}
    relationships = {
        **{n: _object(catalogue, table, n, using) for n, using in entry.object_relationships.items()},
        **{n: _array(catalogue, table, n, using) for n, using in entry.array_relationships.items()},
    }
    return TrackedTable(
        table=table,
        metadata=entry,
        name=config.get("custom_name") or graphql_name(entry.key),
        columns=columns,
        relationships={n: r for n, r in relationships.items() if r.target in metadata.tables},
        computed_fields={n: _computed(catalogue, n, d) for n, d in entry.computed_fields.items()},
        enums={
            name: fk.target
            for name, column in columns.items()
            for fk in table.foreign_keys
            if fk.columns == (column.name,) and fk.target in enums
        },
        enum_values=enums.get(entry.key, ()),
    )


def _columns_of(using: Any) -> tuple[str, ...]:
    return (using,) if isinstance(using, str) else tuple(using)


def _foreign_key(table: Table, columns: Iterable[str], name: str) -> ForeignKey:
    for fk in table.foreign_keys:
        if sorted(fk.columns) == sorted(columns):
            return fk
    raise invalid(f'no foreign key on {".".join(table.key)} for relationship "{name}"')


def _manual(name: str, using: dict[str, Any], is_array: bool) -> Relationship:
    config = using["manual_configuration"]
    return Relationship(
        name,
        is_array,
        table_key(config["remote_table"]),
        dict(config["column_mapping"]),
        target_first=not is_array and config.get("insertion_order") != "after_parent",
    )


def _reverse(catalogue: Catalogue, name: str, on: dict[str, Any], is_array: bool) -> Relationship:
    target = table_key(on["table"])
    fk = _foreign_key(_table(catalogue, target), _columns_of(on.get("columns") or on["column"]), name)
    return Relationship(name, is_array, target, dict(zip(fk.target_columns, fk.columns, strict=True)))


def _object(catalogue: Catalogue, table: Table, name: str, using: dict[str, Any]) -> Relationship:
    if "manual_configuration" in using:
        return _manual(name, using, is_array=False)
    on = using["foreign_key_constraint_on"]
    if isinstance(on, dict):
        return _reverse(catalogue, name, on, is_array=False)
    fk = _foreign_key(table, _columns_of(on), name)
    nullable = any(table.columns[column].nullable for column in fk.columns)
    mapping = dict(zip(fk.columns, fk.target_columns, strict=True))
    return Relationship(name, False, fk.target, mapping, nullable, target_first=True)


def _array(catalogue: Catalogue, table: Table, name: str, using: dict[str, Any]) -> Relationship:
    if "manual_configuration" in using:
        return _manual(name, using, is_array=True)
    return _reverse(catalogue, name, using["foreign_key_constraint_on"], is_array=True)


def _function(catalogue: Catalogue, key: TableKey) -> Function:
    if key not in catalogue.functions:
        raise HasuraError(f'no such function exists: "{".".join(key)}"', "not-exists")
    return catalogue.functions[key]


def _computed(catalogue: Catalogue, name: str, definition: dict[str, Any]) -> ComputedField:
    function = _function(catalogue, table_key(definition["function"]))
    wanted = definition.get("table_argument")
    argument = next((a for a in function.arguments if wanted is None or a.name == wanted), None)
    if argument is None:
        raise invalid(f'the computed field "{name}" has no argument for its row')
    return ComputedField(name, function, argument, definition.get("session_argument"))


def _track_function(catalogue: Catalogue, metadata: Metadata, entry: FunctionMetadata) -> TrackedFunction:
    function = _function(catalogue, entry.key)
    config = entry.configuration
    if function.returns is None or function.returns not in metadata.tables:
        raise invalid(f'in function "{entry.key[1]}": it does not return rows of a tracked table')
    exposed = config.get("exposed_as") or ("mutation" if function.volatile else "query")
    if exposed == "mutation" and not function.volatile:
        raise invalid(
            f'in function "{entry.key[1]}": the function was requested to be exposed as a mutation, '
            "but is not marked VOLATILE"
        )
    _check_session_argument(function, config.get("session_argument"))
    name = config.get("custom_name") or graphql_name(entry.key)
    roots = config.get("custom_root_fields") or {}
    return TrackedFunction(
        function,
        entry,
        roots.get("function") or name,
        roots.get("function_aggregate") or f"{name}_aggregate",
        function.returns,
        exposed == "mutation",
    )


def _check_session_argument(function: Function, name: str | None) -> None:
    if name is None:
        return
    cannot = f'in function "{function.key[1]}": the function "{function.key[1]}" cannot be tracked because'
    argument = next((a for a in function.arguments if a.name == name), None)
    if argument is None:
        raise invalid(f'{cannot} given session argument "{name}" not the input argument of the function')
    if argument.type != "json":
        raise invalid(f'{cannot} given session argument "{name}" is not of type json')
