"""Runs GraphQL requests: the schema of the role, then one statement for each root field, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLObjectType,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    execute_sync,
)
from psycopg_pool import AsyncConnectionPool

from tests.hasura.conditions import Statement
from tests.hasura.documents import META_FIELDS, Analyser, Selection
from tests.hasura.errors import HasuraError, from_commit, from_postgres
from tests.hasura.metadata import Metadata
from tests.hasura.model import Model, read_model
from tests.hasura.mutations import Mutations
from tests.hasura.parsing import Document, parse_document
from tests.hasura.permissions import Session
from tests.hasura.schema import RoleSchema, op_of
from tests.hasura.sql import Compiler

Pool = AsyncConnectionPool[psycopg.AsyncConnection[Any]]
_FUNCTIONS = ("function", "function_one", "function_aggregate")


@dataclass(frozen=True)
class Request:
    """A GraphQL request as it came, not yet checked."""

    query: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    operation_name: str | None = None

    @classmethod
    def from_json(cls, body: Any) -> Request:
        """Raises `HasuraError` (`parse-failed`) for a body that is not a GraphQL request."""
        if not isinstance(body, dict) or not isinstance(body.get("query"), str):
            raise HasuraError("the key 'query' was not present", "parse-failed")
        if (body.get("extensions") or {}).get("persistedQuery"):
            raise HasuraError("Automatic Persisted Queries is not enabled", "not-supported")
        return cls(body["query"], body.get("variables") or {}, body.get("operationName"))


@dataclass(frozen=True)
class Prepared:
    """A checked operation, ready to run."""

    operation: OperationType
    selections: tuple[Selection, ...]
    session: Session
    document: Document
    node: OperationDefinitionNode
    variables: Mapping[str, Any]


class Engine:
    """A database with its metadata. `load` must have run before the first request."""

    def __init__(self, pool: Pool, metadata: Metadata, stringify_numbers: bool = False) -> None:
        self.pool = pool
        self.metadata = metadata
        self._stringify_numbers = stringify_numbers
        self.model = Model({}, ())
        self._schemas: dict[tuple[str, bool], RoleSchema] = {}

    async def load(self) -> None:
        """Reads the catalogue, and forgets the schemas that were made from an older one."""
        async with self.pool.connection() as connection:
            self.model = await read_model(connection, self.metadata, self._stringify_numbers)
        self._schemas.clear()

    def schema_of(self, session: Session) -> RoleSchema:
        """The schema of a session's role."""
        key = (session.role, session.backend)
        if key not in self._schemas:
            self._schemas[key] = RoleSchema(self.model, *key)
        return self._schemas[key]

    def prepare(self, request: Request, session: Session) -> Prepared:
        """Checks a request against the schema of its role. Raises `HasuraError`."""
        document = parse_document(request.query)
        node = document.operation(request.operation_name)
        role = self.schema_of(session)
        root = self._root(role, node.operation)
        selections = Analyser(role.schema, document, node, request.variables).select(root)
        if node.operation == OperationType.SUBSCRIPTION and len(selections) != 1:
            raise HasuraError("subscriptions must select one top level field")
        return Prepared(node.operation, selections, session, document, node, request.variables)

    @staticmethod
    def _root(role: RoleSchema, operation: OperationType) -> GraphQLObjectType:
        schema = role.schema
        if operation == OperationType.QUERY:
            assert schema.query_type is not None
            return schema.query_type
        if operation == OperationType.MUTATION:
            if schema.mutation_type is None:
                raise HasuraError("no mutations exist")
            return schema.mutation_type
        if schema.subscription_type is None:
            raise HasuraError("no subscriptions exist")
        return schema.subscription_type

    async def run(self, prepared: Prepared) -> str:
        """Runs a query or mutation and returns its `data` as JSON text. A mutation is one transaction."""
        try:
            async with self.pool.connection() as connection:
                if prepared.operation != OperationType.MUTATION and len(prepared.selections) == 1:
                    return await self._fields(connection, prepared)
                async with connection.transaction():
                    return await self._fields(connection, prepared)
        except psycopg.Error as error:
            raise from_commit(error) from error

    async def fetch(self, sql: str, statement: Statement) -> tuple[Any, ...]:
        """The first row of a statement of its own. Raises `HasuraError` for what the database refuses."""
        try:
            async with self.pool.connection() as connection:
                return await _fetch_row(connection, sql, statement.params)
        except psycopg.Error as error:
            raise from_postgres(error) from error

    async def _fields(self, connection: psycopg.AsyncConnection[Any], prepared: Prepared) -> str:
        parts = []
        for selection in prepared.selections:
            value = await self._field(connection, prepared, selection)
            parts.append(f"{json.dumps(selection.key)}:{value}")
        return f"{{{','.join(parts)}}}"

    async def _field(self, connection: psycopg.AsyncConnection[Any], prepared: Prepared, selection: Selection) -> str:
        if selection.name == "__typename":
            return json.dumps(selection.parent)
        if selection.name in META_FIELDS:
            if prepared.session.role in self.metadata.introspection_disabled:
                message = f'introspection is disabled for role: "{prepared.session.role}"'
                raise HasuraError(message, "not-supported")
            return self._introspect(prepared, selection)
        if selection.name == "no_queries_available":
            return json.dumps("There are no queries available to the current role.")
        is_function = op_of(selection.field).kind in _FUNCTIONS
        if prepared.operation == OperationType.MUTATION and not is_function:
            return await Mutations(connection, self.model, prepared.session).run(selection)
        statement = Statement(self.model, prepared.session)
        expression = Compiler(statement).root(selection)
        (text,) = await _fetch_row(connection, f"SELECT {expression}::text", statement.params)
        return "null" if text is None else str(text)

    def _introspect(self, prepared: Prepared, selection: Selection) -> str:
        chosen = [
            node
            for node in prepared.node.selection_set.selections
            if isinstance(node, FieldNode) and node.name.value == selection.name
        ]
        if not chosen:
            chosen = list(_spread_meta_fields(prepared.document, selection.name))
        operation = OperationDefinitionNode(
            operation=OperationType.QUERY,
            name=None,
            variable_definitions=prepared.node.variable_definitions,
            directives=(),
            selection_set=SelectionSetNode(selections=tuple(chosen)),
        )
        result = execute_sync(
            self.schema_of(prepared.session).schema,
            DocumentNode(definitions=(operation, *prepared.document.fragments.values())),
            variable_values=dict(prepared.variables),
        )
        if result.errors or result.data is None:
            raise HasuraError(result.errors[0].message if result.errors else "introspection failed")
        return json.dumps(result.data[selection.key])


async def _fetch_row(connection: psycopg.AsyncConnection[Any], sql: str, params: dict[str, Any]) -> tuple[Any, ...]:
    try:
        cursor = await connection.execute(sql, params)
        row: tuple[Any, ...] | None = await cursor.fetchone()
    except psycopg.Error as error:
        raise from_postgres(error) from error
    return row or ()


def _spread_meta_fields(document: Document, name: str) -> list[FieldNode]:
    return [
        node
        for fragment in document.fragments.values()
        for node in fragment.selection_set.selections
        if isinstance(node, FieldNode) and node.name.value == name
    ]
