"""Boolean expressions in SQL: a request's `where`, and the filters and checks of permissions."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from tests.hasura.catalogue import Column, TableKey, quote
from tests.hasura.errors import HasuraError
from tests.hasura.model import ComputedField, Model, Relationship
from tests.hasura.permissions import ADMIN, Session, TableAccess, is_session_variable
from tests.hasura.types import (
    COLUMN_OPERATORS,
    CONTAINMENT,
    EQUALITY,
    JSON_PATHS,
    KEYS,
    MEMBERSHIP,
    ORDER,
    TEXT,
)

_BINARY = EQUALITY | ORDER | TEXT | CONTAINMENT
_TEXT_COLUMN = Column("", "text", "text", nullable=True)


class Statement:
    """Parameters and aliases of one SQL statement, and the session that it runs for."""

    def __init__(self, model: Model, session: Session) -> None:
        self.model = model
        self.session = session
        self.params: dict[str, Any] = {}
        self._aliases = count()

    def alias(self) -> str:
        """A table alias that no other part of the statement has."""
        return f"t{next(self._aliases)}"

    def bind(self, value: Any, sql_type: str) -> str:
        """A parameter for `value`, cast to a PostgreSQL type; returns the SQL that stands for it."""
        name = f"p{len(self.params)}"
        self.params[name] = _as_text(value, sql_type)
        return f"(%({name})s::{sql_type})"

    def admin(self, key: TableKey) -> TableAccess:
        """A table with nothing hidden, as permissions themselves see it."""
        return TableAccess(self.model, self.model.tables[key], ADMIN, True)

    def value(self, column: Column, value: Any) -> str:
        """A column's new value: a parameter, or a session variable that a preset names."""
        if is_session_variable(value):
            value = self.session.variable(value)
        return self.bind(value, column.sql_type) if value is not None else "NULL"

    def where(self, alias: str, access: TableAccess, expression: dict[str, Any]) -> str:
        """A request's filter. Related rows count only if their own select permission shows them."""
        return _Conditions(self, alias, trusted=False).all_of(alias, access, expression)

    def permission(self, alias: str, access: TableAccess, expression: dict[str, Any]) -> str:
        """A permission's filter or check: database column names, session variables, nothing hidden."""
        return _Conditions(self, alias, trusted=True).all_of(alias, self.admin(access.key), expression)

    def join(self, relationship: Relationship, source: str, target: str) -> str:
        """The condition of a relationship between two aliases."""
        return " AND ".join(
            f"{target}.{quote(there)} = {source}.{quote(here)}" for here, there in relationship.mapping.items()
        )

    def call(self, computed: ComputedField, alias: str, args: dict[str, Any], table: TableKey | None = None) -> str:
        """A computed field's function applied to the row `alias`."""
        parts = []
        for argument in computed.function.arguments:
            named = computed.function.prefix(argument)
            if argument is computed.table_argument:
                parts.append(f"{named}{alias}")
            elif argument.name == computed.session_argument:
                parts.append(f"{named}{self.bind(_Raw(self.session.as_json()), argument.sql_type)}")
            elif argument.name in args:
                parts.append(f"{named}{self.bind(args[argument.name], argument.sql_type)}")
        return f"{computed.function.sql}({', '.join(parts)})"


class _Conditions:
    """Compiles one expression. Untrusted ones (a request's) carry the permissions of what they reach."""

    def __init__(self, statement: Statement, root: str, trusted: bool) -> None:
        self._statement = statement
        self._root = root
        self._trusted = trusted

    def all_of(self, alias: str, access: TableAccess, expression: dict[str, Any]) -> str:
        parts = [self._part(alias, access, _plain(key), value) for key, value in expression.items()]
        return _joined(parts, "AND", "true")

    def _part(self, alias: str, access: TableAccess, key: str, value: Any) -> str:
        if key == "_and":
            return _joined([self.all_of(alias, access, e) for e in _items(value)], "AND", "true")
        if key == "_or":
            return _joined([self.all_of(alias, access, e) for e in _items(value)], "OR", "false")
        if key == "_not":
            return f"(NOT {self.all_of(alias, access, value)})"
        if key == "_exists" and self._trusted:
            return self._exists(value)
        column = self._column(access, key)
        if column is not None:
            return self._compare(access, f"{alias}.{quote(column.name)}", column, value, alias)
        if key in access.relationships:
            return self._related(alias, access, access.relationships[key], value)
        if key.endswith("_aggregate") and key.removesuffix("_aggregate") in access.relationships:
            return self._count(alias, access, access.relationships[key.removesuffix("_aggregate")], value)
        if key in access.computed_fields:
            return self._computed(alias, access, access.computed_fields[key], value)
        raise HasuraError(f'"{key}" does not exist', "not-exists")

    def _column(self, access: TableAccess, key: str) -> Column | None:
        return access.table.columns.get(key) if self._trusted else access.columns.get(key)

    def _related(self, alias: str, access: TableAccess, relationship: Relationship, value: Any) -> str:
        inner = self._statement.alias()
        other = access.other(relationship.target)
        conditions = [self._statement.join(relationship, alias, inner), self.all_of(inner, other, value)]
        if not self._trusted:
            conditions.append(self._statement.permission(inner, other, other.filter))
        return f"EXISTS (SELECT 1 FROM {other.table.sql} AS {inner} WHERE {' AND '.join(conditions)})"

    def _count(self, alias: str, access: TableAccess, relationship: Relationship, value: Any) -> str:
        inner = self._statement.alias()
        other = access.other(relationship.target)
        wanted = value["count"]
        conditions = [self._statement.join(relationship, alias, inner)]
        conditions.append(self._statement.permission(inner, other, other.filter))
        conditions.append(self.all_of(inner, other, wanted.get("filter") or {}))
        counted = counted_columns(inner, other, wanted.get("arguments"), wanted.get("distinct"))
        source = f"{other.table.sql} AS {inner} WHERE {' AND '.join(conditions)}"
        result = f"(SELECT count({counted}) FROM {source})"
        integer = Column("", "int4", "integer", nullable=True)
        return self._compare(other, result, integer, wanted["predicate"], inner)

    def _computed(self, alias: str, access: TableAccess, computed: ComputedField, value: Any) -> str:
        call = self._statement.call(computed, alias, {})
        function = computed.function
        if function.returns is None or function.returns not in access.model.tables:
            column = Column(computed.name, function.return_type, function.return_sql_type, nullable=True)
            return self._compare(access, call, column, value, alias)
        inner = self._statement.alias()
        condition = self.all_of(inner, access.other(function.returns), value)
        return f"EXISTS (SELECT 1 FROM {call} AS {inner} WHERE {condition})"

    def _exists(self, value: dict[str, Any]) -> str:
        inner = self._statement.alias()
        table = value["_table"]
        key = ("public", table) if isinstance(table, str) else (table.get("schema", "public"), table["name"])
        access = self._statement.admin(key)
        condition = self.all_of(inner, access, value["_where"])
        return f"EXISTS (SELECT 1 FROM {access.table.sql} AS {inner} WHERE {condition})"

    def _compare(self, access: TableAccess, left: str, column: Column, value: Any, alias: str) -> str:
        if not isinstance(value, dict):
            value = {"_eq": value}
        parts = [self._operator(access, left, column, _plain(op), operand, alias) for op, operand in value.items()]
        return _joined(parts, "AND", "true")

    def _operator(self, access: TableAccess, left: str, column: Column, operator: str, operand: Any, alias: str) -> str:
        if operator == "_is_null":
            return f"({left} IS {'' if str(operand).lower() == 'true' else 'NOT '}NULL)"
        if operator == "_cast":
            text = self._compare(access, f"({left})::text", _TEXT_COLUMN, operand["String"], alias)
            return f"({text})"
        if operator in COLUMN_OPERATORS and self._trusted:
            return f"({left} {COLUMN_OPERATORS[operator]} {self._other_column(alias, operand)})"
        if operator == "_ne":
            operator = "_neq"
        if is_session_variable(operand) and self._trusted:
            operand = self._statement.session.variable(operand)
        if operator in MEMBERSHIP:
            return f"({left} {MEMBERSHIP[operator]} {self._members(column, operand)})"
        if operator in KEYS:
            kind = "text" if operator == "_has_key" else "text[]"
            return f"({left} {KEYS[operator]} {self._statement.bind(operand, kind)})"
        if operator in JSON_PATHS:
            return f"({left} {JSON_PATHS[operator]} {self._statement.bind(operand, 'jsonpath')})"
        if operator in _BINARY:
            sql_type = "text" if operator in TEXT else column.sql_type
            right = self._statement.bind(operand, sql_type)
            if operator == "_neq" and self._trusted:
                return f"({left} IS DISTINCT FROM {right})"
            if operator == "_eq" and operand is None:
                return f"({left} IS NULL)"
            return f"({left} {_BINARY[operator]} {right})"
        raise HasuraError(f"unexpected operator found : {operator}", "unexpected-payload")

    def _members(self, column: Column, operand: Any) -> str:
        array = f"{column.sql_type}[]"
        if isinstance(operand, list) and self._trusted:
            variable = self._statement.session.variable
            operand = [variable(item) if is_session_variable(item) else item for item in operand]
        if isinstance(operand, list):
            operand = [_as_text(item, column.sql_type) for item in operand]
        return self._statement.bind(operand, array)

    def _other_column(self, alias: str, operand: Any) -> str:
        if isinstance(operand, list):
            return f"{self._root if operand[0] == '$' and len(operand) > 1 else alias}.{quote(operand[-1])}"
        return f"{alias}.{quote(operand)}"


def counted_columns(alias: str, access: TableAccess, columns: list[str] | None, distinct: bool | None) -> str:
    """The argument of `count`: everything, or columns by their GraphQL names."""
    if not columns:
        return "*"
    names = ", ".join(f"{alias}.{quote(access.columns[name].name)}" for name in columns)
    return f"DISTINCT ({names})" if distinct else (f"({names})" if len(columns) > 1 else names)


def _as_text(value: Any, sql_type: str) -> Any:
    if value is None:
        return None
    if sql_type in ("json", "jsonb"):
        return value if isinstance(value, _Raw) else json.dumps(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return [_as_text(item, sql_type.removesuffix("[]")) for item in value]
    return str(value)


class _Raw(str):
    """JSON that is text already."""

    __slots__ = ()


def raw_json(text: str) -> str:
    """Marks JSON text, so that binding does not encode it a second time."""
    return _Raw(text)


def _plain(operator: str) -> str:
    return f"_{operator[1:]}" if operator.startswith("$") else operator


def _items(value: Any) -> list[dict[str, Any]]:
    return value if isinstance(value, list) else [value]


def _joined(parts: list[str], word: str, empty: str) -> str:
    kept = [part for part in parts if part != "true"] if word == "AND" else parts
    if not kept:
        return empty
    return kept[0] if len(kept) == 1 else f"({f' {word} '.join(kept)})"
