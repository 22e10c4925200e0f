"""PostgreSQL's types as GraphQL scalars, and the comparison operators that each of them has."""

from __future__ import annotations

from graphql import (
    GraphQLBoolean,
    GraphQLFloat,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLString,
)

from tests.hasura.catalogue import Column
from tests.hasura.values import not_text

_BUILT_IN = {
    "int4": GraphQLInt,
    "bool": GraphQLBoolean,
    "text": GraphQLString,
    "varchar": GraphQLString,
    "float4": GraphQLFloat,
}
_RENAMED = {"int8": "bigint", "int2": "smallint"}
NUMBERS = {"int2", "int4", "int8", "float4", "float8", "numeric", "money"}
STRINGS = {"text", "varchar", "bpchar", "citext", "name"}
WIDE_NUMBERS = {"int8", "numeric", "float8", "money"}
_NOT_COMPARABLE = {"json", "point", "line", "lseg", "box", "path", "polygon", "circle", "xml"}
_NO_MINIMUM = _NOT_COMPARABLE | {"bool", "jsonb", "uuid"}

EQUALITY = {"_eq": "=", "_neq": "<>"}
ORDER = {"_gt": ">", "_gte": ">=", "_lt": "<", "_lte": "<="}
MEMBERSHIP = {"_in": "= ANY", "_nin": "<> ALL"}
TEXT = {
    "_like": "LIKE",
    "_nlike": "NOT LIKE",
    "_ilike": "ILIKE",
    "_nilike": "NOT ILIKE",
    "_similar": "SIMILAR TO",
    "_nsimilar": "NOT SIMILAR TO",
    "_regex": "~",
    "_nregex": "!~",
    "_iregex": "~*",
    "_niregex": "!~*",
}
CONTAINMENT = {"_contains": "@>", "_contained_in": "<@"}
KEYS = {"_has_key": "?", "_has_keys_any": "?|", "_has_keys_all": "?&"}
JSON_PATHS = {"_jsonb_path_exists": "@?", "_jsonb_path_match": "@@"}
COLUMN_OPERATORS = {
    "_ceq": "IS NOT DISTINCT FROM",
    "_cne": "IS DISTINCT FROM",
    "_cgt": ">",
    "_clt": "<",
    "_cgte": ">=",
    "_clte": "<=",
}


_IS_NULL = GraphQLInputField(GraphQLBoolean, extensions={"reject_null": True, "check": not_text("Boolean")})


class ArrayList(GraphQLList[GraphQLNonNull[GraphQLScalarType]]):
    """The type of an array column: a list, but PostgreSQL's own literal (`"{a,b}"`) is taken too."""


def has_minimum(column: Column) -> bool:
    """Whether `min` and `max` of a column exist."""
    return not column.is_array and column.type not in _NO_MINIMUM


def is_number(column: Column) -> bool:
    """Whether sums and increments of a column exist."""
    return column.type in NUMBERS


class Scalars:
    """The scalar and comparison types of one schema, each made once."""

    def __init__(self) -> None:
        self._scalars: dict[str, GraphQLScalarType] = {
            scalar.name: scalar for scalar in (*_BUILT_IN.values(), GraphQLString)
        }
        self._comparisons: dict[str, GraphQLInputObjectType] = {}

    def scalar(self, type_name: str) -> GraphQLScalarType:
        """The scalar of a type by its catalogue name (`int4`)."""
        if type_name in _BUILT_IN:
            return _BUILT_IN[type_name]
        name = _RENAMED.get(type_name, type_name)
        return self._scalars.setdefault(name, GraphQLScalarType(name))

    def of_column(self, column: Column) -> GraphQLScalarType | GraphQLList[GraphQLNonNull[GraphQLScalarType]]:
        """The type of a column without its nullability."""
        if column.element is not None:
            return ArrayList(GraphQLNonNull(self.scalar(column.element)))
        return self.scalar(column.type)

    def comparison(self, column: Column) -> GraphQLInputObjectType:
        """`T_comparison_exp` for a column's type."""
        value = self.of_column(column)
        scalar = self.scalar(column.element or column.type)
        name = f"{scalar.name}_array_comparison_exp" if column.is_array else f"{scalar.name}_comparison_exp"
        if name not in self._comparisons:
            fields = {"_is_null": _IS_NULL}
            operators = [*EQUALITY, *ORDER]
            if column.type in STRINGS:
                operators += TEXT
            if column.is_array or column.type == "jsonb":
                operators += CONTAINMENT
            fields |= {operator: _operand(value) for operator in operators}
            fields |= {operator: _operand(GraphQLList(GraphQLNonNull(value))) for operator in MEMBERSHIP}
            if column.type == "jsonb":
                fields |= {operator: _operand(GraphQLString) for operator in ("_has_key", *JSON_PATHS)}
                keys = GraphQLList(GraphQLNonNull(GraphQLString))
                fields |= {"_has_keys_any": _operand(keys), "_has_keys_all": _operand(keys)}
                fields["_cast"] = _operand(self._jsonb_cast())
            self._comparisons[name] = GraphQLInputObjectType(name, fields)
        return self._comparisons[name]

    def enum_comparison(self, enum: GraphQLInputObjectType, name: str) -> GraphQLInputObjectType:
        """`T_enum_comparison_exp`: equality and membership only."""
        if name not in self._comparisons:
            fields = {"_is_null": _IS_NULL}
            fields |= {operator: _operand(enum) for operator in EQUALITY}
            fields |= {operator: _operand(GraphQLList(GraphQLNonNull(enum))) for operator in MEMBERSHIP}
            self._comparisons[name] = GraphQLInputObjectType(name, fields)
        return self._comparisons[name]

    def _jsonb_cast(self) -> GraphQLInputObjectType:
        text = Column("", "text", "text", nullable=True)
        return GraphQLInputObjectType("jsonb_cast_exp", {"String": _operand(self.comparison(text))})


def _operand(type_: object) -> GraphQLInputField:
    return GraphQLInputField(type_, extensions={"reject_null": True})  # type: ignore[arg-type]  # any input type
