"""What the database's catalogue says about its tables and functions. Knows nothing of GraphQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any

import psycopg
from psycopg.rows import dict_row

TableKey = tuple[str, str]

_TABLES = """
SELECT n.nspname AS schema, c.relname AS name, obj_description(c.oid, 'pg_class') AS comment,
       pg_relation_is_updatable(c.oid, true) AS updatable,
       (SELECT json_agg(json_build_object(
            'name', a.attname, 'type', t.typname, 'sql_type', format_type(a.atttypid, NULL),
            'nullable', NOT (a.attnotnull OR (t.typtype = 'd' AND t.typnotnull)),
            'has_default', a.atthasdef OR a.attidentity <> '',
            'generated', a.attgenerated <> '' OR a.attidentity = 'a',
            'element', e.typname, 'comment', col_description(c.oid, a.attnum)) ORDER BY a.attnum)
          FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
          LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       (SELECT json_agg(json_build_object(
            'name', k.conname, 'type', k.contype,
            'columns', (SELECT json_agg(a.attname ORDER BY x.ord) FROM unnest(k.conkey) WITH ORDINALITY x(num, ord)
                        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.num),
            'target_schema', fn.nspname, 'target', f.relname,
            'target_columns', (SELECT json_agg(a.attname ORDER BY x.ord)
                               FROM unnest(k.confkey) WITH ORDINALITY x(num, ord)
                               JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = x.num))
            ORDER BY k.conname)
          FROM pg_constraint k LEFT JOIN pg_class f ON f.oid = k.confrelid
          LEFT JOIN pg_namespace fn ON fn.oid = f.relnamespace
         WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u', 'f')) AS constraints
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND n.nspname NOT LIKE 'pg\\_%'
"""

_FUNCTIONS = """
SELECT n.nspname AS schema, p.proname AS name, p.provolatile AS volatility, p.proretset AS returns_set,
       p.pronargdefaults AS defaults, p.proargnames AS arg_names, rt.typname AS return_type,
       format_type(p.prorettype, NULL) AS return_sql_type, rn.nspname AS return_schema, rc.relname AS return_table,
       obj_description(p.oid, 'pg_proc') AS comment,
       (SELECT json_agg(json_build_object(
            'type', CASE t.typtype WHEN 'c' THEN t.typname || '_scalar' ELSE t.typname END,
            'sql_type', format_type(t.oid, NULL)) ORDER BY x.ord)
          FROM unnest(p.proargtypes) WITH ORDINALITY x(oid, ord) JOIN pg_type t ON t.oid = x.oid) AS arg_types
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_type rt ON rt.oid = p.prorettype
  LEFT JOIN pg_class rc ON rc.oid = rt.typrelid LEFT JOIN pg_namespace rn ON rn.oid = rc.relnamespace
 WHERE p.prokind = 'f' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
 ORDER BY p.oid
"""

UPDATABLE, INSERTABLE, DELETABLE = 4, 8, 16


@dataclass(frozen=True)
class Column:
    """A column; `type` is the catalogue's short name (`int4`, `_text`), `element` that of an array's elements."""

    name: str
    type: str
    sql_type: str
    nullable: bool
    has_default: bool = False
    generated: bool = False
    element: str | None = None
    comment: str | None = None

    @property
    def is_array(self) -> bool:
        return self.element is not None


@dataclass(frozen=True)
class ForeignKey:
    """A reference: `columns` here equal `target_columns` there."""

    name: str
    columns: tuple[str, ...]
    target: TableKey
    target_columns: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table or view; `uniques` maps each primary or unique constraint to its columns."""

    key: TableKey
    columns: dict[str, Column]
    primary_key: tuple[str, ...]
    uniques: dict[str, tuple[str, ...]]
    foreign_keys: tuple[ForeignKey, ...]
    updatable: int
    comment: str | None = None

    @property
    def sql(self) -> str:
        return ".".join(quote(part) for part in self.key)


@dataclass(frozen=True)
class Argument:
    """An argument of a function. A row's `type` is its table's name and `_scalar`.

    Those without a name are `arg_1`, `arg_2`, … among themselves, as in Hasura.
    """

    name: str
    type: str
    sql_type: str
    has_default: bool
    has_name: bool = True


@dataclass(frozen=True)
class Function:
    """A function; `returns` is the table whose rows it gives, if any."""

    key: TableKey
    arguments: tuple[Argument, ...]
    volatile: bool
    returns_set: bool
    returns: TableKey | None
    return_type: str
    return_sql_type: str
    comment: str | None = None

    @property
    def sql(self) -> str:
        return ".".join(quote(part) for part in self.key)

    def prefix(self, argument: Argument) -> str:
        """What stands before an argument's value in a call: its name, unless one of them has none."""
        return f"{quote(argument.name)} => " if all(a.has_name for a in self.arguments) else ""


@dataclass(frozen=True)
class Catalogue:
    """All tables and functions outside of PostgreSQL's own schemas."""

    tables: dict[TableKey, Table] = field(default_factory=dict)
    functions: dict[TableKey, Function] = field(default_factory=dict)


def quote(identifier: str) -> str:
    """An identifier in SQL, safe inside a psycopg query too."""
    return '"' + identifier.replace('"', '""').replace("%", "%%") + '"'


async def read_catalogue(connection: psycopg.AsyncConnection[Any]) -> Catalogue:
    """Reads tables, constraints and functions in two statements."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_TABLES)
        tables = [_table(row) for row in await cursor.fetchall()]
        await cursor.execute(_FUNCTIONS)
        functions = [_function(row) for row in await cursor.fetchall()]
    by_key: dict[TableKey, Function] = {}
    for function in functions:
        by_key.setdefault(function.key, function)
    return Catalogue({table.key: table for table in tables}, by_key)


async def read_enum(connection: psycopg.AsyncConnection[Any], table: Table) -> tuple[tuple[str, str | None], ...]:
    """The values of an enum table with their comments: its primary key, and its other column if it has one."""
    others = [name for name in table.columns if name not in table.primary_key]
    comment = quote(others[0]) if others else "NULL"
    key = quote(table.primary_key[0])
    cursor = await connection.execute(f"SELECT {key}, {comment}::text FROM {table.sql} ORDER BY 1")
    return tuple((str(value), description) for value, description in await cursor.fetchall())


def _table(row: dict[str, Any]) -> Table:
    constraints = row["constraints"] or []
    keys = {c["name"]: tuple(c["columns"]) for c in constraints if c["type"] in "pu"}
    return Table(
        key=(row["schema"], row["name"]),
        columns={c["name"]: Column(**c) for c in row["columns"] or []},
        primary_key=next((tuple(c["columns"]) for c in constraints if c["type"] == "p"), ()),
        uniques=keys,
        foreign_keys=tuple(
            ForeignKey(
                c["name"],
                tuple(c["columns"]),
                (c["target_schema"], c["target"]),
                tuple(c["target_columns"]),
            )
            for c in constraints
            if c["type"] == "f"
        ),
        updatable=row["updatable"],
        comment=row["comment"],
    )


def _function(row: dict[str, Any]) -> Function:
    types = row["arg_types"] or []
    names = row["arg_names"] or []
    first_default = len(types) - row["defaults"]
    unnamed = count(1)
    arguments = []
    for i, kind in enumerate(types):
        name = names[i] if i < len(names) else ""
        shown = name or f"arg_{next(unnamed)}"
        arguments.append(Argument(shown, kind["type"], kind["sql_type"], i >= first_default, has_name=bool(name)))
    returns = (row["return_schema"], row["return_table"]) if row["return_table"] else None
    return Function(
        key=(row["schema"], row["name"]),
        arguments=tuple(arguments),
        volatile=row["volatility"] == "v",
        returns_set=row["returns_set"],
        returns=returns,
        return_type=row["return_type"],
        return_sql_type=row["return_sql_type"],
        comment=row["comment"],
    )
