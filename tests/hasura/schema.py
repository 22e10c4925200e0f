"""The GraphQL schema of one role: output types and root fields. What a field means is in its `op` extension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLField,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
)

from tests.hasura.catalogue import Argument, Column
from tests.hasura.inputs import STATISTICS, Inputs, primary_key_columns
from tests.hasura.model import ComputedField, Model, Relationship, TrackedFunction
from tests.hasura.permissions import TableAccess, may_call
from tests.hasura.types import Scalars, has_minimum, is_number
from tests.hasura.values import not_below_zero, not_negative, not_text


@dataclass(frozen=True)
class Op:
    """What a field asks for; `kind` says which of the other parts are there."""

    kind: str
    access: TableAccess | None = None
    column: Column | None = None
    relationship: Relationship | None = None
    function: TrackedFunction | None = None
    computed: ComputedField | None = None


Fields = dict[str, GraphQLField]


def op_of(field: GraphQLField) -> Op:
    """What a field of the schema asks for."""
    op: Op = field.extensions["op"]
    return op


class RoleSchema:
    """Builds the schema that `role` sees; `backend` shows what is `backend_only`."""

    def __init__(self, model: Model, role: str, backend: bool = False) -> None:
        self.model = model
        self.scalars = Scalars()
        self.inputs = Inputs(self)
        self._objects: dict[str, GraphQLObjectType] = {}
        self.accesses = [TableAccess(model, t, role, backend) for t in model.tables.values()]
        self._functions = [f for f in model.functions if may_call(f, model, role)]
        queries = self._queries()
        mutations = self._mutations()
        streams = self._streams()
        placeholder = GraphQLField(
            GraphQLNonNull(GraphQLString), description="There are no queries available to the current role."
        )
        self.schema = GraphQLSchema(
            query=GraphQLObjectType("query_root", queries or {"no_queries_available": placeholder}),
            mutation=GraphQLObjectType("mutation_root", mutations) if mutations else None,
            subscription=GraphQLObjectType("subscription_root", queries | streams) if queries else None,
        )

    def _queries(self) -> Fields:
        fields: Fields = {}
        for access in self.accesses:
            if not access.can_select:
                continue
            root = access.tracked.root
            name = access.name
            fields[root("select", name)] = self._rows_field(access, Op("rows", access))
            if access.allow_aggregations:
                fields[root("select_aggregate", f"{name}_aggregate")] = GraphQLField(
                    GraphQLNonNull(self._aggregate(access)),
                    self._row_args(access),
                    extensions={"op": Op("aggregate", access)},
                )
            if access.can_select_by_pk:
                fields[root("select_by_pk", f"{name}_by_pk")] = GraphQLField(
                    self.row_type(access), self._pk_args(access), extensions={"op": Op("by_pk", access)}
                )
        for function in self._functions:
            if not function.is_mutation:
                fields |= self._function_fields(function)
        return fields

    def _streams(self) -> Fields:
        return {
            access.tracked.root("select_stream", f"{access.name}_stream"): GraphQLField(
                _list_of(self.row_type(access)),
                {
                    "batch_size": GraphQLArgument(GraphQLNonNull(GraphQLInt), extensions={"check": not_negative}),
                    "cursor": GraphQLArgument(GraphQLNonNull(GraphQLList(self.inputs.stream_cursor(access)))),
                    "where": GraphQLArgument(self.inputs.bool_exp(access)),
                },
                extensions={"op": Op("stream", access)},
            )
            for access in self.accesses
            if access.can_select and access.columns
        }

    def _mutations(self) -> Fields:
        fields: Fields = {}
        for access in self.accesses:
            if access.insert is not None:
                fields |= self._insert_fields(access)
            if access.can_select and access.update is not None and access.update.columns:
                fields |= self._update_fields(access)
            if access.can_select and access.delete is not None:
                fields |= self._delete_fields(access)
        for function in self._functions:
            if function.is_mutation:
                fields |= self._function_fields(function)
        return fields

    def _insert_fields(self, access: TableAccess) -> Fields:
        root, name = access.tracked.root, access.name
        item = GraphQLNonNull(self.inputs.insert_input(access))
        conflict = {"on_conflict": GraphQLArgument(self.inputs.on_conflict(access))} if access.table.uniques else {}
        fields = {
            root("insert", f"insert_{name}"): GraphQLField(
                self._response(access),
                {"objects": GraphQLArgument(GraphQLNonNull(GraphQLList(item))), **conflict},
                extensions={"op": Op("insert", access)},
            )
        }
        if access.can_select:
            fields[root("insert_one", f"insert_{name}_one")] = GraphQLField(
                self.row_type(access),
                {"object": GraphQLArgument(item), **conflict},
                extensions={"op": Op("insert_one", access)},
            )
        return fields

    def _update_fields(self, access: TableAccess) -> Fields:
        root, name = access.tracked.root, access.name
        operators = {
            op: GraphQLArgument(type_, extensions={"reject_null": True})
            for op, type_ in self.inputs.update_operators(access).items()
        }
        where = GraphQLArgument(GraphQLNonNull(self.inputs.bool_exp(access)))
        updates = GraphQLList(GraphQLNonNull(self.inputs.updates(access)))
        fields = {
            root("update", f"update_{name}"): GraphQLField(
                self._response(access), {**operators, "where": where}, extensions={"op": Op("update", access)}
            ),
            root("update_many", f"update_{name}_many"): GraphQLField(
                GraphQLList(self._response(access)),
                {"updates": GraphQLArgument(GraphQLNonNull(updates))},
                extensions={"op": Op("update_many", access)},
            ),
        }
        if access.can_select_by_pk:
            pk = GraphQLArgument(GraphQLNonNull(self.inputs.pk_columns(access)))
            fields[root("update_by_pk", f"update_{name}_by_pk")] = GraphQLField(
                self.row_type(access),
                {**operators, "pk_columns": pk},
                extensions={"op": Op("update_by_pk", access)},
            )
        return fields

    def _delete_fields(self, access: TableAccess) -> Fields:
        root, name = access.tracked.root, access.name
        where = GraphQLArgument(GraphQLNonNull(self.inputs.bool_exp(access)))
        fields = {
            root("delete", f"delete_{name}"): GraphQLField(
                self._response(access), {"where": where}, extensions={"op": Op("delete", access)}
            )
        }
        if access.can_select_by_pk:
            fields[root("delete_by_pk", f"delete_{name}_by_pk")] = GraphQLField(
                self.row_type(access), self._pk_args(access), extensions={"op": Op("delete_by_pk", access)}
            )
        return fields

    def _function_fields(self, function: TrackedFunction) -> Fields:
        access = next(a for a in self.accesses if a.key == function.table)
        args = self._function_args(function.name, function.arguments)
        returns_set = function.function.returns_set
        rows = self._row_args(access) if returns_set else {}
        output = _list_of(self.row_type(access)) if returns_set else self.row_type(access)
        kind = "function" if returns_set else "function_one"
        fields = {
            function.name: GraphQLField(
                output,
                {**args, **rows},
                description=function.function.comment,
                extensions={"op": Op(kind, access, function=function)},
            )
        }
        if access.allow_aggregations and returns_set and not function.is_mutation:
            fields[function.aggregate_name] = GraphQLField(
                GraphQLNonNull(self._aggregate(access)),
                {**args, **rows},
                extensions={"op": Op("function_aggregate", access, function=function)},
            )
        return fields

    def _function_args(self, name: str, arguments: tuple[Argument, ...]) -> dict[str, GraphQLArgument]:
        if not arguments:
            return {}
        type_: Any = self.inputs.function_args(name, arguments)
        required = any(not argument.has_default for argument in arguments)
        return {"args": GraphQLArgument(GraphQLNonNull(type_) if required else type_)}

    def _row_args(self, access: TableAccess) -> dict[str, GraphQLArgument]:
        inputs = self.inputs
        return {
            "distinct_on": GraphQLArgument(GraphQLList(GraphQLNonNull(inputs.select_column(access)))),
            "limit": GraphQLArgument(GraphQLInt, extensions={"check": not_negative}),
            "offset": GraphQLArgument(GraphQLInt, extensions={"check": not_below_zero}),
            "order_by": GraphQLArgument(GraphQLList(GraphQLNonNull(inputs.order_by(access)))),
            "where": GraphQLArgument(inputs.bool_exp(access)),
        }

    def _pk_args(self, access: TableAccess) -> dict[str, GraphQLArgument]:
        return {
            key: GraphQLArgument(GraphQLNonNull(self.inputs.column_type(access, key, column)))
            for key, column in primary_key_columns(access).items()
        }

    def _rows_field(self, access: TableAccess, op: Op) -> GraphQLField:
        return GraphQLField(_list_of(self.row_type(access)), self._row_args(access), extensions={"op": op})

    def row_type(self, access: TableAccess) -> GraphQLObjectType:
        """The object type of a table's rows."""
        if access.name not in self._objects:
            self._objects[access.name] = GraphQLObjectType(
                access.name, lambda: self._row_fields(access), description=access.table.comment
            )
        return self._objects[access.name]

    def _row_fields(self, access: TableAccess) -> Fields:
        fields: Fields = {}
        for key, column in access.columns.items():
            type_ = self.inputs.column_type(access, key, column)
            args = (
                {"path": GraphQLArgument(GraphQLString, description="JSON select path")}
                if column.type in ("json", "jsonb")
                else {}
            )
            fields[key] = GraphQLField(
                type_ if column.nullable else GraphQLNonNull(type_),
                args,
                description=column.comment,
                extensions={"op": Op("column", access, column=column)},
            )
        for key, relationship in access.relationships.items():
            fields |= self._relationship_fields(access, key, relationship)
        for key, computed in access.computed_fields.items():
            fields[key] = self._computed_field(access, key, computed)
        return fields

    def _relationship_fields(self, access: TableAccess, key: str, relationship: Relationship) -> Fields:
        other = access.other(relationship.target)
        if not relationship.is_array:
            row: Any = self.row_type(other)
            op = Op("object", other, relationship=relationship)
            output = row if relationship.nullable else GraphQLNonNull(row)
            return {key: GraphQLField(output, extensions={"op": op})}
        fields = {key: self._rows_field(other, Op("array", other, relationship=relationship))}
        if other.allow_aggregations:
            fields[f"{key}_aggregate"] = GraphQLField(
                GraphQLNonNull(self._aggregate(other)),
                self._row_args(other),
                extensions={"op": Op("array_aggregate", other, relationship=relationship)},
            )
        return fields

    def _computed_field(self, access: TableAccess, key: str, computed: ComputedField) -> GraphQLField:
        args = self._function_args(f"{key}_{access.name}", computed.arguments)
        function = computed.function
        if function.returns not in self.model.tables:
            output: Any = self.scalars.scalar(function.return_type)
            return GraphQLField(output, args, extensions={"op": Op("computed", access, computed=computed)})
        other = access.other(function.returns)
        return GraphQLField(
            GraphQLList(GraphQLNonNull(self.row_type(other))),
            {**args, **self._row_args(other)},
            extensions={"op": Op("computed_rows", other, computed=computed)},
        )

    def _aggregate(self, access: TableAccess) -> GraphQLObjectType:
        name = f"{access.name}_aggregate"
        if name not in self._objects:
            inner = GraphQLObjectType(f"{access.name}_aggregate_fields", lambda: self._aggregates(access))
            self._objects[name] = GraphQLObjectType(
                name,
                lambda: {
                    "aggregate": GraphQLField(inner, extensions={"op": Op("aggregates", access)}),
                    "nodes": GraphQLField(_list_of(self.row_type(access)), extensions={"op": Op("nodes", access)}),
                },
            )
        return self._objects[name]

    def _aggregates(self, access: TableAccess) -> Fields:
        columns = GraphQLList(GraphQLNonNull(self.inputs.select_column(access)))
        fields = {
            "count": GraphQLField(
                GraphQLNonNull(GraphQLInt),
                {
                    "columns": GraphQLArgument(columns),
                    "distinct": GraphQLArgument(GraphQLBoolean, extensions={"check": not_text("Boolean")}),
                },
                extensions={"op": Op("count", access)},
            )
        }
        for function in ("max", "min", *STATISTICS):
            keep = has_minimum if function in ("max", "min") else is_number
            own_type = function in ("max", "min", "sum")
            inner = {
                key: GraphQLField(
                    self.scalars.scalar(column.type if own_type else "float4"),
                    extensions={"op": Op("aggregated", access, column=column)},
                )
                for key, column in access.columns.items()
                if keep(column)
            }
            if inner:
                type_ = GraphQLObjectType(f"{access.name}_{function}_fields", inner)
                fields[function] = GraphQLField(type_, extensions={"op": Op("statistic", access)})
        return fields

    def _response(self, access: TableAccess) -> GraphQLObjectType:
        name = f"{access.name}_mutation_response"
        if name not in self._objects:
            fields = {
                "affected_rows": GraphQLField(
                    GraphQLNonNull(GraphQLInt), extensions={"op": Op("affected_rows", access)}
                )
            }
            if access.can_select:
                fields["returning"] = GraphQLField(
                    _list_of(self.row_type(access)), extensions={"op": Op("returning", access)}
                )
            self._objects[name] = GraphQLObjectType(name, fields)
        return self._objects[name]


def _list_of(type_: GraphQLObjectType) -> Any:
    return GraphQLNonNull(GraphQLList(GraphQLNonNull(type_)))
