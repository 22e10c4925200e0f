"""Literals of a GraphQL document as plain values, and the errors for values of a wrong type."""

from __future__ import annotations

from collections.abc import Callable
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
_NOT_NEGATIVE = "expected a non-negative 32-bit integer for type 'Int', but found"
_WIDE = "expected a 32-bit integer, or a 64-bit integer represented as a string"
_EXPECTED = {"String": "a string", "Boolean": "a boolean", "Int": "a 32-bit integer", "Float": "a float"}


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


def not_text(type_name: str) -> Callable[[Any, str], Any]:
    """Checks an argument that is not a column's value: it takes no text for a number or a boolean."""

    def check(value: Any, path: str) -> Any:
        if isinstance(value, str):
            raise type_mismatch(type_name, value, path)
        return value

    return check


def not_negative(value: Any, path: str) -> Any:
    """Checks a `limit` or a `batch_size`."""
    if isinstance(value, str):
        raise HasuraError(f"{_NOT_NEGATIVE} a string", path=path)
    if value is not None and value < 0:
        raise HasuraError(f"{_NOT_NEGATIVE} an integer", path=path)
    return value


def not_below_zero(value: Any, path: str) -> Any:
    """Checks an `offset`, which may be text: a number of 64 bits does not fit into an `Int`."""
    if isinstance(value, str):
        if not value.isdecimal():
            raise HasuraError(f"{_WIDE} for type 'Int', but found a string", path=path)
        return int(value)
    if value is not None and value < 0:
        raise HasuraError("unexpected negative value", path=path)
    return value


def type_mismatch(type_: Any, value: Any, path: str, is_json: bool = False) -> HasuraError:
    """The error for a value that cannot be of a type, null included."""
    if isinstance(type_, GraphQLList):
        return HasuraError(f"expected a list, but found {_described(value, is_json)}", path=path)
    if isinstance(type_, GraphQLInputObjectType):
        expected = "an object"
    elif value is None:
        return HasuraError(f"unexpected null value for type '{type_}'", path=path)
    elif isinstance(type_, GraphQLEnumType):
        expected = "an enum value"
    else:
        expected = _EXPECTED.get(str(type_), "a scalar")
    found = _described(value, is_json)
    return HasuraError(f"expected {expected} for type '{type_}', but found {found}", path=path)


def _described(value: Any, is_json: bool) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float() if is_json:
            return "a number"
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
