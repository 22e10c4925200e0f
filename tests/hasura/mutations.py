"""Mutations in SQL: each statement's rows are selected from what it returned, and checked before they count."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from tests.hasura.catalogue import Column, quote
from tests.hasura.conditions import Statement, raw_json
from tests.hasura.documents import Selection
from tests.hasura.errors import HasuraError, from_postgres
from tests.hasura.inputs import PLACEHOLDER, primary_key_columns
from tests.hasura.model import Model, Relationship
from tests.hasura.permissions import Session, TableAccess, WriteAccess
from tests.hasura.schema import op_of
from tests.hasura.sql import Compiler

_CHECK = '"__hasura_check"'
_OPERATORS = {
    "_inc": "{column} + {value}",
    "_append": "{column} || {value}",
    "_prepend": "{value} || {column}",
    "_delete_key": "{column} - {value}",
    "_delete_elem": "{column} - {value}",
    "_delete_at_path": "{column} #- {value}",
}
_OPERAND_TYPES = {"_delete_key": "text", "_delete_elem": "integer", "_delete_at_path": "text[]"}


@dataclass(frozen=True)
class _Written:
    """Rows as JSON text, as they are in the database now, and how many rows were touched in all."""

    rows: str
    count: int


class Mutations:
    """Runs the fields of one mutation on one connection, inside the caller's transaction."""

    def __init__(self, connection: psycopg.AsyncConnection[Any], model: Model, session: Session) -> None:
        self._connection = connection
        self._model = model
        self._session = session

    async def run(self, selection: Selection) -> str:
        """Runs one root field and returns its value as JSON text."""
        op = op_of(selection.field)
        access = op.access
        assert access is not None
        args, path = selection.args, f"{selection.path}.args"
        match op.kind:
            case "insert":
                written = await self._insert(access, args["objects"], args.get("on_conflict"), f"{path}.objects")
            case "insert_one":
                written = await self._insert(access, [args["object"]], args.get("on_conflict"), f"{path}.object")
            case "update":
                written = await self._update(access, args, path)
            case "update_by_pk":
                written = await self._update(access, args, path, args["pk_columns"])
            case "update_many":
                responses = [
                    await self._answer(access, selection, await self._update(access, update, path))
                    for update in args["updates"]
                ]
                return f"[{','.join(responses)}]"
            case "delete":
                written = await self._delete(access, args["where"], None)
            case _:
                written = await self._delete(access, None, args)
        if op.kind in ("insert_one", "update_by_pk", "delete_by_pk"):
            return await self._answer_row(access, selection, written)
        return await self._answer(access, selection, written)

    async def _insert(
        self, access: TableAccess, objects: list[Any], conflict: dict[str, Any] | None, path: str
    ) -> _Written:
        relationships = access.tracked.relationships
        if not any(key in relationships and row[key] is not None for row in objects for key in row):
            plain = [{key: v for key, v in row.items() if key not in relationships} for row in objects]
            return await self._insert_rows(access, plain, {}, conflict, path)
        rows: list[Any] = []
        total = 0
        for i, row in enumerate(objects):
            one = await self._insert_nested(access, row, {}, conflict, f"{path}[{i}]")
            rows += json.loads(one.rows)
            total += one.count
        return _Written(json.dumps(rows), total)

    async def _insert_nested(
        self,
        access: TableAccess,
        row: dict[str, Any],
        fixed: dict[str, Any],
        conflict: dict[str, Any] | None,
        path: str,
    ) -> _Written:
        """Inserts a row with its related ones: what it refers to first, what refers to it afterwards."""
        relationships = access.tracked.relationships
        nested = [(relationships[k], v) for k, v in row.items() if k in relationships and v is not None]
        own = {key: value for key, value in row.items() if key not in relationships}
        fixed = dict(fixed)
        total = 0
        for relationship, value in nested:
            if not relationship.target_first:
                continue
            here = f"{path}.{relationship.name}"
            names = access.tracked.graphql_names
            if any(names[column] in own for column in relationship.mapping):
                column = next(c for c in relationship.mapping if names[c] in own)
                raise HasuraError(
                    f"cannot insert object relationship '{relationship.name}' "
                    f"as '{column}' column values are already determined",
                    path=here,
                )
            other = access.other(relationship.target)
            one = await self._insert_nested(other, value["data"], {}, value.get("on_conflict"), f"{here}.data")
            total += one.count
            parent = self._only_row(one, other, f"object relation '{relationship.name}'", here)
            fixed |= {here: parent[there] for here, there in relationship.mapping.items()}
        written = await self._insert_rows(access, [own], fixed, conflict, path)
        total += written.count
        for relationship, value in nested:
            if relationship.target_first:
                continue
            here = f"{path}.{relationship.name}.data"
            parent = self._only_row(written, access, "array relations", here)
            children = value["data"] if relationship.is_array else [value["data"]]
            total += await self._insert_children(access, relationship, parent, children, value, here)
        return _Written(written.rows, total)

    async def _insert_children(
        self,
        access: TableAccess,
        relationship: Relationship,
        parent: dict[str, Any],
        children: list[dict[str, Any]],
        value: dict[str, Any],
        path: str,
    ) -> int:
        other = access.other(relationship.target)
        fixed = {there: parent[here] for here, there in relationship.mapping.items()}
        total = 0
        for i, child in enumerate(children):
            here = f"{path}[{i}]" if relationship.is_array else path
            if any(other.tracked.graphql_names[column] in child for column in fixed):
                raise HasuraError(
                    f"cannot insert {', '.join(repr(c) for c in fixed)} columns "
                    "as their values are already being determined by parent insert",
                    path=here,
                )
            total += (await self._insert_nested(other, child, fixed, value.get("on_conflict"), here)).count
        return total

    @staticmethod
    def _only_row(written: _Written, access: TableAccess, what: str, path: str) -> dict[str, Any]:
        rows = json.loads(written.rows)
        if not rows:
            raise HasuraError(
                f"cannot proceed to insert {what} since insert to table '{access.table.key[1]}' affects zero rows",
                "not-supported",
                path,
            )
        row: dict[str, Any] = rows[0]
        return row

    async def _insert_rows(
        self,
        access: TableAccess,
        rows: list[dict[str, Any]],
        fixed: dict[str, Any],
        conflict: dict[str, Any] | None,
        path: str,
    ) -> _Written:
        """One INSERT. `fixed` are database columns that related rows determine."""
        assert access.insert is not None
        if not rows:
            return _Written("[]", 0)
        statement = Statement(self._model, self._session)
        columns = access.table.columns
        values = [
            {access.tracked.columns[key].name: value for key, value in row.items()} | fixed | access.insert.presets
            for row in rows
        ]
        names = list(dict.fromkeys(name for row in values for name in row)) or [next(iter(columns))]
        tuples = ", ".join(
            "("
            + ", ".join(statement.value(columns[name], row[name]) if name in row else "DEFAULT" for name in names)
            + ")"
            for row in values
        )
        alias = statement.alias()
        check = statement.permission(alias, access, access.insert.check)
        upsert = self._conflict(statement, alias, access, conflict, path)
        if conflict and access.update is not None and access.update.check:
            changed = statement.permission(alias, access, access.update.check)
            check = f"CASE WHEN {alias}.xmax = 0 THEN {check} ELSE {changed} END"
        sql = (
            f"INSERT INTO {access.table.sql} AS {alias} ({', '.join(map(quote, names))}) "
            f"VALUES {tuples}{upsert} RETURNING {alias}.*, coalesce({check}, false) AS {_CHECK}"
        )
        return await self._write(statement, sql, path)

    def _conflict(
        self, statement: Statement, alias: str, access: TableAccess, conflict: dict[str, Any] | None, path: str
    ) -> str:
        if conflict is None:
            return ""
        target = f" ON CONFLICT ON CONSTRAINT {quote(conflict['constraint'])}"
        chosen = conflict["update_columns"]
        if PLACEHOLDER in chosen:
            raise HasuraError("erroneous column name", path=f"{path.rsplit('.', 1)[0]}.on_conflict")
        if not chosen or access.update is None:
            return f"{target} DO NOTHING"
        columns = access.tracked.columns
        sets = [f"{quote(columns[name].name)} = EXCLUDED.{quote(columns[name].name)}" for name in chosen]
        sets += self._presets(statement, access, access.update)
        where = statement.where(alias, access, conflict.get("where") or {})
        allowed = statement.permission(alias, access, access.update.filter)
        return f"{target} DO UPDATE SET {', '.join(sets)} WHERE {where} AND {allowed}"

    @staticmethod
    def _presets(statement: Statement, access: TableAccess, write: WriteAccess) -> list[str]:
        columns = access.table.columns
        return [f"{quote(c)} = {statement.value(columns[c], value)}" for c, value in write.presets.items()]

    async def _update(
        self, access: TableAccess, args: dict[str, Any], path: str, pk: dict[str, Any] | None = None
    ) -> _Written:
        assert access.update is not None
        statement = Statement(self._model, self._session)
        alias = statement.alias()
        sets = list(self._assignments(statement, alias, access, args, path))
        sets += self._presets(statement, access, access.update)
        if not sets:
            return _Written("[]", 0)
        conditions = self._target(statement, alias, access, args.get("where"), pk)
        conditions.append(statement.permission(alias, access, access.update.filter))
        check = statement.permission(alias, access, access.update.check)
        sql = (
            f"UPDATE {access.table.sql} AS {alias} SET {', '.join(sets)} WHERE {' AND '.join(conditions)} "
            f"RETURNING {alias}.*, coalesce({check}, false) AS {_CHECK}"
        )
        return await self._write(statement, sql, "$")

    def _assignments(
        self, statement: Statement, alias: str, access: TableAccess, args: dict[str, Any], path: str
    ) -> Iterator[str]:
        given = {op: args[op] or {} for op in ("_set", *_OPERATORS) if op in args}
        if not given and not (access.update and access.update.presets):
            known = ", ".join(f"'{op}'" for op in ("_set", *_OPERATORS))
            raise HasuraError(f"at least any one of {known} is expected", path=path)
        seen = [key for columns in given.values() for key in columns]
        repeated = list(dict.fromkeys(key for key in seen if seen.count(key) > 1))
        if repeated:
            names = ", ".join(f"'{key}'" for key in repeated)
            raise HasuraError(f"Column found in multiple operators: [{names}].", path=path)
        for operator, columns in given.items():
            for key, value in columns.items():
                column = access.tracked.columns[key]
                yield f"{quote(column.name)} = {self._assigned(statement, alias, column, operator, value)}"

    @staticmethod
    def _assigned(statement: Statement, alias: str, column: Column, operator: str, value: Any) -> str:
        if operator == "_set":
            return statement.value(column, value)
        bound = statement.bind(value, _OPERAND_TYPES.get(operator, column.sql_type))
        return _OPERATORS[operator].format(column=f"{alias}.{quote(column.name)}", value=bound)

    def _target(
        self,
        statement: Statement,
        alias: str,
        access: TableAccess,
        where: dict[str, Any] | None,
        pk: dict[str, Any] | None,
    ) -> list[str]:
        if pk is None:
            return [statement.where(alias, access, where or {})]
        return [
            f"{alias}.{quote(column.name)} = {statement.bind(pk[name], column.sql_type)}"
            for name, column in primary_key_columns(access).items()
        ]

    async def _delete(self, access: TableAccess, where: dict[str, Any] | None, pk: dict[str, Any] | None) -> _Written:
        assert access.delete is not None
        statement = Statement(self._model, self._session)
        alias = statement.alias()
        conditions = self._target(statement, alias, access, where, pk)
        conditions.append(statement.permission(alias, access, access.delete.filter))
        sql = (
            f"DELETE FROM {access.table.sql} AS {alias} WHERE {' AND '.join(conditions)} "
            f"RETURNING {alias}.*, true AS {_CHECK}"
        )
        return await self._write(statement, sql, "$")

    async def _write(self, statement: Statement, sql: str, path: str) -> _Written:
        whole = (
            f"WITH m AS ({sql}) SELECT coalesce(json_agg(row_to_json(m)), '[]')::text, count(*), "
            f"coalesce(bool_and(m.{_CHECK}), true) FROM m"
        )
        try:
            cursor = await self._connection.execute(whole, statement.params)
        except psycopg.Error as error:
            raise from_postgres(error, path) from error
        rows, count, allowed = await cursor.fetchone() or ("[]", 0, True)
        if not allowed:
            raise HasuraError("check constraint of an insert/update permission has failed", "permission-error", path)
        return _Written(rows, count)

    async def _answer_row(self, access: TableAccess, selection: Selection, written: _Written) -> str:
        found = await self._select(access, selection.children, written)
        return json.dumps(None) if found == "[]" else found[1:-1]

    async def _answer(self, access: TableAccess, selection: Selection, written: _Written) -> str:
        parts = []
        for child in selection.children:
            if child.name == "__typename":
                value = json.dumps(child.parent)
            elif child.name == "affected_rows":
                value = str(written.count)
            else:
                value = await self._select(access, child.children, written)
            parts.append(f"{json.dumps(child.key)}:{value}")
        return f"{{{','.join(parts)}}}"

    async def _select(self, access: TableAccess, children: tuple[Selection, ...], written: _Written) -> str:
        """Selects from the written rows, so that their related rows are seen as they are after the statement."""
        if written.rows == "[]":
            return "[]"
        statement = Statement(self._model, self._session)
        alias = statement.alias()
        fields = Compiler(statement).fields(alias, children)
        rows = statement.bind(raw_json(written.rows), "json")
        sql = (
            f"SELECT json_agg(row_to_json(e))::text FROM (SELECT {fields} "
            f"FROM json_populate_recordset(NULL::{access.table.sql}, {rows}) AS {alias}) AS e"
        )
        cursor = await self._connection.execute(sql, statement.params)
        found = await cursor.fetchone()
        return str(found[0]) if found else "[]"
