"""Selections in SQL: one scalar expression of type json for each root field, related rows nested inside it."""

from __future__ import annotations

import re
from typing import Any

from tests.hasura.catalogue import quote
from tests.hasura.conditions import Statement, counted_columns, raw_json
from tests.hasura.documents import Selection
from tests.hasura.errors import HasuraError
from tests.hasura.inputs import primary_key_columns
from tests.hasura.model import TrackedFunction
from tests.hasura.permissions import TableAccess
from tests.hasura.schema import Op, op_of
from tests.hasura.types import WIDE_NUMBERS

_PATH_STEP = re.compile(r"""\.?([^.\[\]"']+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\['((?:[^'\\]|\\.)*)'\]""")


class Compiler:
    """Compiles the selections of one statement."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement

    def root(self, selection: Selection) -> str:
        """A root field of a query, or a function of a mutation."""
        op = op_of(selection.field)
        access = op.access
        assert access is not None
        if op.kind == "by_pk":
            return self.by_pk(selection, access)
        source = access.table.sql
        if op.function is not None:
            source = self._function_source(op.function, selection.args.get("args") or {}, selection.path)
        if op.kind in ("aggregate", "function_aggregate"):
            return self.aggregate(selection, access, source)
        return self.rows(selection, access, source, single=op.kind == "function_one")

    def by_pk(self, selection: Selection, access: TableAccess) -> str:
        """The row with a primary key, or null."""
        alias = self.statement.alias()
        conditions = [
            f"{alias}.{quote(column.name)} = {self.statement.bind(selection.args[name], column.sql_type)}"
            for name, column in primary_key_columns(access).items()
        ]
        conditions.append(self.statement.permission(alias, access, access.filter))
        rows = f"SELECT {self.fields(alias, selection.children)} FROM {access.table.sql} AS {alias}"
        return f"(SELECT row_to_json(e) FROM ({rows} WHERE {' AND '.join(conditions)}) AS e)"

    def rows(
        self,
        selection: Selection,
        access: TableAccess,
        source: str,
        join: tuple[Op, str] | None = None,
        single: bool = False,
    ) -> str:
        """A list of rows of `source` (or one row), joined to an outer alias by a relationship."""
        alias = self.statement.alias()
        conditions = self._conditions(alias, selection, access, join)
        order, distinct = self._order(alias, access, selection)
        limits = [limit for limit in (selection.args.get("limit"), access.limit) if limit is not None]
        inner = (
            f"SELECT {distinct}{self.fields(alias, selection.children)} FROM {source} AS {alias} "
            f"WHERE {conditions}{order}{self._window(1 if single else min(limits, default=None), selection)}"
        )
        if single:
            return f"(SELECT row_to_json(e) FROM ({inner}) AS e)"
        return f"(SELECT coalesce(json_agg(row_to_json(e)), '[]') FROM ({inner}) AS e)"

    def aggregate(
        self, selection: Selection, access: TableAccess, source: str, join: tuple[Op, str] | None = None
    ) -> str:
        """`T_aggregate`: numbers over the rows, and the rows themselves."""
        alias, base = self.statement.alias(), self.statement.alias()
        conditions = self._conditions(alias, selection, access, join)
        order, distinct = self._order(alias, access, selection)
        window = self._window(selection.args.get("limit"), selection)
        parts = []
        for child in selection.children:
            if child.name == "__typename":
                parts.append(self._typename(child))
            elif op_of(child.field).kind == "nodes":
                limit = f" LIMIT {access.limit}" if access.limit is not None else ""
                rows = f"SELECT {self.fields(base, child.children)} FROM {base}{limit}"
                parts.append(
                    f"(SELECT coalesce(json_agg(row_to_json(e)), '[]') FROM ({rows}) AS e) AS {quote(child.key)}"
                )
            else:
                numbers = ", ".join(self._aggregated(base, access, c) for c in child.children)
                parts.append(f"(SELECT row_to_json(e) FROM (SELECT {numbers} FROM {base}) AS e) AS {quote(child.key)}")
        rows = f"SELECT {distinct}{alias}.* FROM {source} AS {alias} WHERE {conditions}{order}{window}"
        return f"(WITH {base} AS MATERIALIZED ({rows}) SELECT row_to_json(e) FROM (SELECT {', '.join(parts)}) AS e)"

    def fields(self, alias: str, children: tuple[Selection, ...]) -> str:
        """The select list of a row: each selected field under its response key."""
        return ", ".join(self._field(alias, child) for child in children)

    def _field(self, alias: str, selection: Selection) -> str:
        if selection.name == "__typename":
            return self._typename(selection)
        op = op_of(selection.field)
        access = op.access
        assert access is not None
        if op.kind == "column":
            assert op.column is not None
            value = f"{alias}.{quote(op.column.name)}"
            if (path := selection.args.get("path")) is not None:
                value = f"({value} #> {self.statement.bind(json_path(path, selection.path), 'text[]')})"
            elif self.statement.model.stringify_numbers and op.column.type in WIDE_NUMBERS:
                value = f"{value}::text"
        elif op.kind == "object":
            value = self.rows(selection, access, access.table.sql, (op, alias), single=True)
        elif op.kind == "array":
            value = self.rows(selection, access, access.table.sql, (op, alias))
        elif op.kind == "array_aggregate":
            value = self.aggregate(selection, access, access.table.sql, (op, alias))
        else:
            assert op.computed is not None
            call = self.statement.call(op.computed, alias, selection.args.get("args") or {})
            single = not op.computed.function.returns_set
            value = call if op.kind == "computed" else self.rows(selection, access, call, single=single)
        return f"{value} AS {quote(selection.key)}"

    def _typename(self, selection: Selection) -> str:
        return f"{self.statement.bind(selection.parent, 'text')} AS {quote(selection.key)}"

    def _conditions(self, alias: str, selection: Selection, access: TableAccess, join: tuple[Op, str] | None) -> str:
        conditions = []
        if join is not None:
            op, outer = join
            assert op.relationship is not None
            conditions.append(self.statement.join(op.relationship, outer, alias))
        conditions.append(self.statement.permission(alias, access, access.filter))
        conditions.append(self.statement.where(alias, access, selection.args.get("where") or {}))
        return " AND ".join(c for c in conditions if c != "true") or "true"

    def _window(self, limit: int | None, selection: Selection) -> str:
        offset = selection.args.get("offset")
        result = f" LIMIT {self.statement.bind(limit, 'bigint')}" if limit is not None else ""
        return result + (f" OFFSET {self.statement.bind(offset, 'bigint')}" if offset is not None else "")

    def _order(self, alias: str, access: TableAccess, selection: Selection) -> tuple[str, str]:
        orders = [
            part
            for item in selection.args.get("order_by") or []
            for key, direction in item.items()
            for part in self._order_item(alias, access, key, direction)
        ]
        distinct_on = [f"{alias}.{quote(access.columns[key].name)}" for key in selection.args.get("distinct_on") or []]
        initial = [expression for expression, _ in orders[: len(distinct_on)]]
        if orders and sorted(initial) != sorted(distinct_on[: len(orders)]):
            raise HasuraError(
                '"distinct_on" columns must match initial "order_by" columns', path=f"{selection.path}.args"
            )
        order = f" ORDER BY {', '.join(e + d for e, d in orders)}" if orders else ""
        return order, f"DISTINCT ON ({', '.join(distinct_on)}) " if distinct_on else ""

    def _order_item(self, alias: str, access: TableAccess, key: str, direction: Any) -> list[tuple[str, str]]:
        if direction is None:
            return []
        if key in access.columns:
            return [(f"{alias}.{quote(access.columns[key].name)}", _direction(direction))]
        if key in access.computed_fields:
            return [(self.statement.call(access.computed_fields[key], alias, {}), _direction(direction))]
        is_aggregate = key not in access.relationships
        relationship = access.relationships[key.removesuffix("_aggregate") if is_aggregate else key]
        other = access.other(relationship.target)
        parts: list[tuple[str, str]] = []
        for name, inner_direction in direction.items():
            inner = self.statement.alias()
            condition = self.statement.join(relationship, alias, inner)
            condition += f" AND {self.statement.permission(inner, other, other.filter)}"
            source = f"FROM {other.table.sql} AS {inner} WHERE {condition}"
            if not is_aggregate:
                found = self._order_item(inner, other, name, inner_direction)
            elif inner_direction is None:
                found = []
            elif name == "count":
                found = [("count(*)", _direction(inner_direction))]
            else:
                found = [
                    (f"{name}({inner}.{quote(other.columns[column].name)})", _direction(d))
                    for column, d in inner_direction.items()
                    if d is not None
                ]
            parts += [(f"(SELECT {expression} {source})", d) for expression, d in found]
        return parts

    def _aggregated(self, base: str, access: TableAccess, selection: Selection) -> str:
        if selection.name == "__typename":
            return self._typename(selection)
        if selection.name == "count":
            args = selection.args
            counted = counted_columns(base, access, args.get("columns"), args.get("distinct"))
            return f"count({counted}) AS {quote(selection.key)}"
        pairs = []
        for child in selection.children:
            column = None if child.name == "__typename" else op_of(child.field).column
            value = (
                self.statement.bind(child.parent, "text")
                if column is None
                else f"{selection.name}({base}.{quote(column.name)})"
            )
            pairs.append(f"{self.statement.bind(child.key, 'text')}, {value}")
        return f"json_build_object({', '.join(pairs)}) AS {quote(selection.key)}"

    def _function_source(self, function: TrackedFunction, args: dict[str, Any], path: str) -> str:
        if any(not a.has_default and a.name not in args for a in function.arguments):
            raise HasuraError("Non default arguments cannot be omitted", "not-supported", f"{path}.args.args")
        parts = []
        for argument in function.function.arguments:
            named = function.function.prefix(argument)
            if argument.name == function.session_argument:
                variables = raw_json(self.statement.session.as_json())
                parts.append(named + self.statement.bind(variables, argument.sql_type))
            elif argument.name in args:
                parts.append(named + self.statement.bind(args[argument.name], argument.sql_type))
        return f"{function.function.sql}({', '.join(parts)})"


def json_path(path: str, where: str) -> list[str]:
    """The keys of a `path` argument such as `$.a[0].b`."""
    steps: list[str] = []
    position = 1 if path.startswith("$") else 0
    while position < len(path):
        match = _PATH_STEP.match(path, position)
        if match is None:
            raise HasuraError(f"parse json path error: invalid path '{path}'", path=f"{where}.args.path")
        steps.append(next(group for group in match.groups() if group is not None))
        position = match.end()
    return steps


def _direction(order: str) -> str:
    word, _, nulls = order.partition("_")
    return f" {word.upper()}{' ' + nulls.replace('_', ' ').upper() if nulls else ''}"
