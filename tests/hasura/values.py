"""Literals of a GraphQL document as plain values, and the errors for values of a wrong type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphql import (
    BooleanValueNode,
    EnumValueNode,
    FloatValueNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    StringValueNode,
    ValueNode,
    VariableNode,
)

from tests.hasura.errors import HasuraError

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
_INT_RANGE = (
    "The value {} lies outside the bounds or is not an integer. Maybe it is a float, or is there integer overflow?"
)


class EnumToken(str):
    """A bare name in a document; unlike a string, only an enum takes it."""

    __slots__ = ()


@dataclass(frozen=True)
class Variable:
    """A use of a variable."""

    name: str


def literal(node: ValueNode) -> Any:
    """A document's value; variables stay `Variable`, bare names `EnumToken`."""
    match node:
        case VariableNode():
            return Variable(node.name.value)
        case NullValueNode():
            return None
        case IntValueNode():
            return int(node.value)
        case FloatValueNode():
            return float(node.value)
        case BooleanValueNode() | StringValueNode():
            return node.value
        case EnumValueNode():
            return EnumToken(node.value)
        case ListValueNode():
            return [literal(item) for item in node.values or ()]
        case ObjectValueNode():
            return {field.name.value: literal(field.value) for field in node.fields or ()}
    raise TypeError(f"not a GraphQL value: {node}")


def whole_number(value: float, path: str) -> int:
    """A GraphQL `Int`: whole, in 32 bits."""
    if value != int(value) or not INT_MIN <= value <= INT_MAX:
        raise HasuraError(_INT_RANGE.format(value), "parse-failed", path)
    return int(value)


def type_mismatch(type_: Any, value: Any, path: str) -> HasuraError:
    """The error for a value that cannot be of a type, null included."""
    expected = {
        "String": "a string",
        "Boolean": "a boolean",
        "Int": "a 32-bit integer",
        "Float": "a float",
    }.get(str(type_))
    if isinstance(type_, GraphQLInputObjectType):
        expected = "an object"
    elif isinstance(type_, GraphQLEnumType):
        expected = "an enum value"
    elif isinstance(type_, GraphQLList):
        expected = "a list"
    if value is None and expected not in ("an object", "a list"):
        return HasuraError(f"unexpected null value for type '{type_}'", path=path)
    return HasuraError(
        f"expected {expected or 'a scalar'} for type '{type_}', but found {_described(value)}", path=path
    )


def _described(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a float"
        case EnumToken():
            return "an enum value"
        case str():
            return "a string"
        case list():
            return "a list"
    return "an object"
