"""The commands of `/v1/metadata` and `/v2/query` that tests set a server up with."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import psycopg

from tests.hasura.catalogue import quote, read_catalogue
from tests.hasura.engine import Engine
from tests.hasura.errors import HasuraError, from_postgres, postgres_detail
from tests.hasura.metadata import (
    PERMISSION_KINDS,
    FunctionMetadata,
    Metadata,
    TableMetadata,
    table_key,
)

_SUCCESS = {"message": "success"}
_FUNCTIONS = {
    "track_function",
    "untrack_function",
    "set_function_customization",
    "create_function_permission",
    "drop_function_permission",
}
_TABLES = {"track_table", "untrack_table", "set_table_is_enum", "set_table_customization", "set_table_custom_fields"}


async def run_command(engine: Engine, body: Any, reread: Callable[[], Metadata]) -> Any:
    """Runs a command (or a `bulk` of them) and reads the catalogue again after it.

    Parameters: `reread` gives the metadata of the project directory. Raises `HasuraError` for unknown commands
    and for metadata that does not fit; the metadata then stays as it was.
    """
    before = deepcopy(engine.metadata)
    try:
        result = await _run(engine, body, reread)
        await engine.load()
    except HasuraError:
        engine.metadata = before
        await engine.load()
        raise
    return result


async def _run(engine: Engine, body: Any, reread: Callable[[], Metadata]) -> Any:
    if not isinstance(body, dict) or "type" not in body:
        raise HasuraError("key 'type' not found", "parse-failed")
    kind, args = str(body["type"]), body.get("args") or {}
    for prefix in ("pg_", "postgres_"):
        kind = kind.removeprefix(prefix)
    if kind in ("bulk", "bulk_keep_going", "bulk_atomic", "concurrent_bulk"):
        return [await _run(engine, item, reread) for item in args]
    if kind == "run_sql":
        return await _run_sql(engine, args["sql"])
    if kind == "insert":
        return await _insert(engine, args)
    if kind == "reload_metadata":
        engine.metadata = reread()
    elif kind == "clear_metadata":
        engine.metadata = Metadata()
    elif kind in _FUNCTIONS:
        _change_function(engine.metadata, kind, args)
    elif kind in _TABLES:
        _change_table(engine.metadata, kind, args)
    else:
        _change_tracked(_tracked(engine.metadata, args), kind, args)
    return _SUCCESS


async def _run_sql(engine: Engine, sql: str) -> dict[str, Any]:
    async with engine.pool.connection() as connection:
        try:
            cursor = await connection.execute(sql)
            names = [column.name for column in cursor.description or ()]
            found = await cursor.fetchall() if names else []
        except psycopg.Error as error:
            raise HasuraError(
                "query execution failed", "postgres-error", "$.args", {"error": postgres_detail(error)}
            ) from error
    await _forget_dropped(engine)
    if not names:
        return {"result_type": "CommandOk", "result": None}
    rows = [[None if value is None else str(value) for value in row] for row in found]
    return {"result_type": "TuplesOk", "result": [names, *rows]}


async def _insert(engine: Engine, args: dict[str, Any]) -> dict[str, int]:
    """The `insert` of the first version of the interface, which sets tests up with rows."""
    schema, name = table_key(args["table"])
    target = f"{quote(schema)}.{quote(name)}"
    for row in args["objects"]:
        columns = ", ".join(map(quote, row))
        sql = f"INSERT INTO {target} ({columns}) SELECT {columns} FROM json_populate_record(NULL::{target}, %s)"
        async with engine.pool.connection() as connection:
            try:
                await connection.execute(sql, (json.dumps(row),))
            except psycopg.Error as error:
                raise from_postgres(error, "$.args.objects") from error
    return {"affected_rows": len(args["objects"])}


async def _forget_dropped(engine: Engine) -> None:
    """Untracks what SQL has dropped, as Hasura does after `run_sql`."""
    async with engine.pool.connection() as connection:
        catalogue = await read_catalogue(connection)
    metadata = engine.metadata
    metadata.tables = {key: table for key, table in metadata.tables.items() if key in catalogue.tables}
    metadata.functions = {key: f for key, f in metadata.functions.items() if key in catalogue.functions}


def _tracked(metadata: Metadata, args: dict[str, Any]) -> TableMetadata:
    key = table_key(args["table"])
    if key not in metadata.tables:
        raise HasuraError(f'table "{key[1]}" does not exist', "not-exists", "$.args.table")
    return metadata.tables[key]


def _change_table(metadata: Metadata, kind: str, args: Any) -> None:
    reference = args["table"] if isinstance(args, dict) and "table" in args else args
    key = table_key(reference)
    if kind == "track_table":
        if key in metadata.tables:
            raise HasuraError(f'view/table already tracked: "{key[1]}"', "already-tracked", "$.args")
        configuration = args.get("configuration") or {} if isinstance(args, dict) else {}
        is_enum = isinstance(args, dict) and bool(args.get("is_enum"))
        metadata.tables[key] = TableMetadata(key, is_enum, configuration)
        return
    table = _tracked(metadata, {"table": reference})
    if kind == "untrack_table":
        del metadata.tables[key]
    elif kind == "set_table_is_enum":
        table.is_enum = bool(args["is_enum"])
    elif kind == "set_table_customization":
        table.configuration = args.get("configuration") or {}
    else:
        table.configuration = {
            "custom_root_fields": args.get("custom_root_fields") or {},
            "custom_column_names": args.get("custom_column_names") or {},
        }


def _change_function(metadata: Metadata, kind: str, args: Any) -> None:
    reference = args["function"] if isinstance(args, dict) and "function" in args else args
    key = table_key(reference)
    if kind == "track_function":
        metadata.functions[key] = FunctionMetadata(key, (args.get("configuration") or {}) if "function" in args else {})
    elif kind == "untrack_function":
        metadata.functions.pop(key, None)
    elif key not in metadata.functions:
        raise HasuraError(f'function "{key[1]}" does not exist', "not-exists", "$.args.function")
    elif kind == "create_function_permission":
        metadata.functions[key].roles.add(args["role"])
    elif kind == "drop_function_permission":
        metadata.functions[key].roles.discard(args["role"])
    else:
        metadata.functions[key].configuration = args.get("configuration") or {}


def _change_tracked(table: TableMetadata, kind: str, args: dict[str, Any]) -> None:
    match kind:
        case "create_object_relationship":
            table.object_relationships[args["name"]] = args["using"]
        case "create_array_relationship":
            table.array_relationships[args["name"]] = args["using"]
        case "drop_relationship":
            table.object_relationships.pop(args["relationship"], None)
            table.array_relationships.pop(args["relationship"], None)
        case "add_computed_field":
            table.computed_fields[args["name"]] = args["definition"]
        case "drop_computed_field":
            table.computed_fields.pop(args["name"], None)
        case _:
            _change_permission(table, kind, args)


def _change_permission(table: TableMetadata, kind: str, args: dict[str, Any]) -> None:
    verb, _, rest = kind.partition("_")
    what = rest.removesuffix("_permission")
    if what not in PERMISSION_KINDS or verb not in ("create", "drop"):
        raise HasuraError(f"unknown command: {kind}", "parse-failed", "$.type")
    if verb == "create":
        if args["role"] in table.permissions[what]:
            raise HasuraError(
                f"{what} permission already defined on table with role '{args['role']}'", "already-exists", "$.args"
            )
        table.permissions[what][args["role"]] = args.get("permission") or {}
    else:
        table.permissions[what].pop(args["role"], None)
