"""The input types of one role's schema: filters, orders, and the objects that mutations take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLString,
)

from tests.hasura.catalogue import Argument, Column, TableKey
from tests.hasura.permissions import TableAccess
from tests.hasura.types import has_minimum, is_number
from tests.hasura.values import not_text

if TYPE_CHECKING:
    from tests.hasura.schema import RoleSchema

ORDERS = ("asc", "asc_nulls_first", "asc_nulls_last", "desc", "desc_nulls_first", "desc_nulls_last")
STATISTICS = ("avg", "stddev", "stddev_pop", "stddev_samp", "sum", "var_pop", "var_samp", "variance")
PLACEHOLDER = "_PLACEHOLDER"


def enum(name: str, values: list[str]) -> GraphQLEnumType:
    """An enum whose internal values are its names."""
    return GraphQLEnumType(name, {value: GraphQLEnumValue(value) for value in values})


class Inputs:
    """Makes each named input type once. Methods are named after the suffix of the type's name."""

    def __init__(self, schema: RoleSchema) -> None:
        self._schema = schema
        self._named: dict[str, Any] = {}
        self.order_by_enum = enum("order_by", list(ORDERS))
        self.cursor_ordering = enum("cursor_ordering", ["ASC", "DESC"])

    def _once(self, name: str, make: Any) -> Any:
        if name not in self._named:
            self._named[name] = None
            self._named[name] = make(name)
        return self._named[name]

    def _object(self, name: str, fields: Any) -> GraphQLInputObjectType:
        if name not in self._named:
            self._named[name] = GraphQLInputObjectType(name, fields)
        made: GraphQLInputObjectType = self._named[name]
        return made

    def column_type(self, access: TableAccess, name: str, column: Column) -> Any:
        """The type of a column: an enum table's enum, or a scalar."""
        target = access.tracked.enums.get(name)
        return self.enum_of(target) if target else self._schema.scalars.of_column(column)

    def enum_of(self, key: TableKey) -> GraphQLEnumType:
        """`T_enum` of an enum table."""
        tracked = self._schema.model.tables[key]
        name = f"{tracked.name}_enum"
        if name not in self._named:
            values = {v: GraphQLEnumValue(v, description=d) for v, d in tracked.enum_values}
            self._named[name] = GraphQLEnumType(name, values)
        made: GraphQLEnumType = self._named[name]
        return made

    def comparison(self, access: TableAccess, name: str, column: Column) -> GraphQLInputObjectType:
        target = access.tracked.enums.get(name)
        if target is None:
            return self._schema.scalars.comparison(column)
        values: Any = self.enum_of(target)
        return self._schema.scalars.enum_comparison(values, f"{values.name}_comparison_exp")

    def bool_exp(self, access: TableAccess) -> GraphQLInputObjectType:
        name = f"{access.name}_bool_exp"

        def fields() -> dict[str, GraphQLInputField]:
            own: Any = self._named[name]
            result = {key: _strict(GraphQLList(GraphQLNonNull(own))) for key in ("_and", "_or")}
            result["_not"] = _strict(own)
            for key, column in access.columns.items():
                result[key] = _strict(self.comparison(access, key, column))
            for key, relationship in access.relationships.items():
                other = access.other(relationship.target)
                result[key] = _strict(self.bool_exp(other))
                if relationship.is_array and other.allow_aggregations:
                    result[f"{key}_aggregate"] = _strict(self._aggregate_bool_exp(other))
            for key, computed in access.computed_fields.items():
                function = computed.function
                if function.returns in self._schema.model.tables:
                    result[key] = _strict(self.bool_exp(access.other(function.returns)))
                else:
                    column = Column(key, function.return_type, function.return_sql_type, nullable=True)
                    result[key] = _strict(self._schema.scalars.comparison(column))
            return result

        return self._object(name, fields)

    def _aggregate_bool_exp(self, access: TableAccess) -> GraphQLInputObjectType:
        count = self._object(
            f"{access.name}_aggregate_bool_exp_count",
            lambda: {
                "arguments": GraphQLInputField(GraphQLList(GraphQLNonNull(self.select_column(access)))),
                "distinct": GraphQLInputField(GraphQLBoolean, extensions={"check": not_text("Boolean")}),
                "filter": GraphQLInputField(self.bool_exp(access)),
                "predicate": GraphQLInputField(
                    GraphQLNonNull(self._schema.scalars.comparison(Column("", "int4", "integer", True)))
                ),
            },
        )
        return self._object(f"{access.name}_aggregate_bool_exp", {"count": GraphQLInputField(count)})

    def order_by(self, access: TableAccess) -> GraphQLInputObjectType:
        def fields() -> dict[str, GraphQLInputField]:
            result = {key: GraphQLInputField(self.order_by_enum) for key in access.columns}
            for key, relationship in access.relationships.items():
                other = access.other(relationship.target)
                if not relationship.is_array:
                    result[key] = GraphQLInputField(self.order_by(other))
                elif other.allow_aggregations:
                    result[f"{key}_aggregate"] = GraphQLInputField(self._aggregate_order_by(other))
            for key, computed in access.computed_fields.items():
                if computed.function.returns is None and not computed.arguments:
                    result[key] = GraphQLInputField(self.order_by_enum)
            return result

        return self._object(f"{access.name}_order_by", fields)

    def _aggregate_order_by(self, access: TableAccess) -> GraphQLInputObjectType:
        def fields() -> dict[str, GraphQLInputField]:
            result = {"count": GraphQLInputField(self.order_by_enum)}
            for function in ("max", "min", *STATISTICS):
                columns = self._aggregated(access, function)
                if columns:
                    inner = self._object(
                        f"{access.name}_{function}_order_by",
                        {key: GraphQLInputField(self.order_by_enum) for key in columns},
                    )
                    result[function] = GraphQLInputField(inner)
            return result

        return self._object(f"{access.name}_aggregate_order_by", fields)

    @staticmethod
    def _aggregated(access: TableAccess, function: str) -> list[str]:
        test = has_minimum if function in ("max", "min") else is_number
        return [key for key, column in access.columns.items() if test(column)]

    def select_column(self, access: TableAccess) -> GraphQLEnumType:
        name = f"{access.name}_select_column"
        made: GraphQLEnumType = self._once(name, lambda n: enum(n, list(access.columns) or [PLACEHOLDER]))
        return made

    def insert_input(self, access: TableAccess) -> GraphQLInputObjectType:
        def fields() -> dict[str, GraphQLInputField]:
            assert access.insert is not None
            result = self._nullable(access, access.insert.columns)
            for key, relationship in access.tracked.relationships.items():
                other = access.other(relationship.target)
                if other.insert is not None:
                    rel_input = self._rel_insert_input(other, relationship.is_array)
                    result[key] = GraphQLInputField(rel_input)
            return result

        return self._object(f"{access.name}_insert_input", fields)

    def _rel_insert_input(self, access: TableAccess, is_array: bool) -> GraphQLInputObjectType:
        def fields() -> dict[str, GraphQLInputField]:
            item: Any = GraphQLNonNull(self.insert_input(access))
            data = GraphQLNonNull(GraphQLList(item)) if is_array else item
            result = {"data": GraphQLInputField(data)}
            if access.table.uniques:
                result["on_conflict"] = GraphQLInputField(self.on_conflict(access))
            return result

        return self._object(f"{access.name}_{'arr' if is_array else 'obj'}_rel_insert_input", fields)

    def on_conflict(self, access: TableAccess) -> GraphQLInputObjectType:
        constraint = self._once(f"{access.name}_constraint", lambda n: enum(n, list(access.table.uniques)))
        columns = list(access.update.columns) if access.update else []
        update_column = self._once(f"{access.name}_update_column", lambda n: enum(n, columns or [PLACEHOLDER]))
        return self._object(
            f"{access.name}_on_conflict",
            lambda: {
                "constraint": GraphQLInputField(GraphQLNonNull(constraint)),
                "update_columns": GraphQLInputField(
                    GraphQLNonNull(GraphQLList(GraphQLNonNull(update_column))), default_value=[]
                ),
                "where": GraphQLInputField(self.bool_exp(access)),
            },
        )

    def update_operators(self, access: TableAccess) -> dict[str, GraphQLInputObjectType]:
        """The operators that a table's updatable columns allow, each with its input type."""
        assert access.update is not None
        columns = access.update.columns
        numbers = {key: c for key, c in columns.items() if is_number(c) and key not in access.tracked.enums}
        json = {key: c for key, c in columns.items() if c.type == "jsonb"}
        path = GraphQLList(GraphQLNonNull(GraphQLString))
        wanted: dict[str, dict[str, GraphQLInputField]] = {
            "_set": self._nullable(access, columns),
            "_inc": self._nullable(access, numbers),
            "_append": self._nullable(access, json),
            "_prepend": self._nullable(access, json),
            "_delete_key": {key: GraphQLInputField(GraphQLString) for key in json},
            "_delete_elem": {key: GraphQLInputField(GraphQLInt) for key in json},
            "_delete_at_path": {key: GraphQLInputField(path) for key in json},
        }
        return {
            operator: self._object(f"{access.name}{operator}_input", fields)
            for operator, fields in wanted.items()
            if fields
        }

    def updates(self, access: TableAccess) -> GraphQLInputObjectType:
        def fields() -> dict[str, GraphQLInputField]:
            result = {op: _strict(type_) for op, type_ in self.update_operators(access).items()}
            result["where"] = GraphQLInputField(GraphQLNonNull(self.bool_exp(access)))
            return result

        return self._object(f"{access.name}_updates", fields)

    def pk_columns(self, access: TableAccess) -> GraphQLInputObjectType:
        fields = {
            key: GraphQLInputField(GraphQLNonNull(self.column_type(access, key, column)))
            for key, column in primary_key_columns(access).items()
        }
        return self._object(f"{access.name}_pk_columns_input", fields)

    def stream_cursor(self, access: TableAccess) -> GraphQLInputObjectType:
        value = self._object(f"{access.name}_stream_cursor_value_input", lambda: self._nullable(access, access.columns))
        return self._object(
            f"{access.name}_stream_cursor_input",
            {
                "initial_value": GraphQLInputField(GraphQLNonNull(value)),
                "ordering": GraphQLInputField(self.cursor_ordering),
            },
        )

    def function_args(self, name: str, arguments: tuple[Argument, ...]) -> GraphQLInputObjectType:
        """`F_args`. As in Hasura an array is a scalar such as `_text`, and what has no default may still be null."""
        fields = {a.name: GraphQLInputField(self._schema.scalars.scalar(a.type)) for a in arguments}
        return self._object(f"{name}_args", fields)

    def _nullable(self, access: TableAccess, columns: dict[str, Column]) -> dict[str, GraphQLInputField]:
        return {
            key: GraphQLInputField(
                self.column_type(access, key, column), extensions={"reject_null": not column.nullable}
            )
            for key, column in columns.items()
        }


def primary_key_columns(access: TableAccess) -> dict[str, Column]:
    """The primary key by GraphQL names, in the key's order."""
    names = access.tracked.graphql_names
    return {names[column]: access.table.columns[column] for column in access.table.primary_key}


def _strict(type_: Any) -> GraphQLInputField:
    return GraphQLInputField(type_, extensions={"reject_null": True})
