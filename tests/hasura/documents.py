"""From a GraphQL request to a tree of checked selections, with Hasura's wording for what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    type_from_ast,
)
from graphql.type import SchemaMetaFieldDef, TypeMetaFieldDef, TypeNameMetaFieldDef
from graphql.utilities import is_type_sub_type_of

from tests.hasura.errors import HasuraError
from tests.hasura.parsing import Document
from tests.hasura.types import ArrayList
from tests.hasura.values import EnumToken, Variable, literal, type_mismatch, whole_number

_OPAQUE = {"json", "jsonb"}
META_FIELDS = {"__typename": TypeNameMetaFieldDef, "__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}


@dataclass(frozen=True)
class Selection:
    """A field to answer: its response key, definition, checked arguments, and what is selected below it."""

    key: str
    field: GraphQLField
    name: str
    args: dict[str, Any]
    children: tuple[Selection, ...]
    path: str
    parent: str


class Analyser:
    """Checks one operation against a schema.

    Parameters: `variables` are the request's JSON values. Raises `HasuraError` (`validation-failed`,
    `parse-failed`) at the first fault, as Hasura does.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        document: Document,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
    ) -> None:
        self._schema = schema
        self._document = document
        self._fragments = document.fragments
        self._operation = operation
        self._definitions = {d.variable.name.value: d for d in operation.variable_definitions or ()}
        self._variables = self._resolve_variables(variables)

    def select(self, root: GraphQLObjectType) -> tuple[Selection, ...]:
        """The operation's root fields, with fragments and directives worked in."""
        for directive in self._operation.directives or ():
            if directive.name.value in ("skip", "include"):
                kind = self._operation.operation.value
                raise HasuraError(f"directive '{directive.name.value}' is not allowed on a {kind}")
        return self._children(root, [self._operation.selection_set], "$")

    def _resolve_variables(self, given: Mapping[str, Any]) -> dict[str, Any]:
        used = self._document.used_variables(self._operation)
        unbound = next((name for name in used if name not in self._definitions), None)
        if unbound is not None:
            raise HasuraError(f'unbound variable "{unbound}"')
        resolved: dict[str, Any] = {}
        for name, definition in self._definitions.items():
            if name in given:
                if given[name] is None and definition.type.kind == "non_null_type":
                    raise HasuraError(f'null value found for non-nullable type: "{_type_text(definition.type)}"')
                resolved[name] = given[name]
            elif definition.default_value is not None:
                resolved[name] = literal(definition.default_value)
            elif definition.type.kind != "non_null_type":
                resolved[name] = None
            else:
                raise HasuraError(f'expecting a value for non-nullable variable: "{name}"')
        unexpected = [name for name in given if name not in used]
        if unexpected:
            raise HasuraError(f"unexpected variables in variableValues: {', '.join(unexpected)}")
        return resolved

    def _children(
        self,
        parent: GraphQLObjectType,
        sets: list[SelectionSetNode],
        path: str,
    ) -> tuple[Selection, ...]:
        grouped: dict[str, list[FieldNode]] = {}
        for selection_set in sets:
            self._collect(parent, selection_set, path, grouped)
        return tuple(self._field(parent, key, nodes, path) for key, nodes in grouped.items())

    def _collect(
        self,
        parent: GraphQLObjectType,
        selection_set: SelectionSetNode,
        path: str,
        grouped: dict[str, list[FieldNode]],
    ) -> None:
        for node in selection_set.selections:
            if not self._is_included(node, path):
                continue
            if isinstance(node, FieldNode):
                key = node.alias.value if node.alias else node.name.value
                grouped.setdefault(key, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                if node.type_condition is None or node.type_condition.name.value == parent.name:
                    self._collect(parent, node.selection_set, path, grouped)
            elif isinstance(node, FragmentSpreadNode):
                name = node.name.value
                if name not in self._fragments:
                    raise HasuraError(f"reference to undefined fragment '{name}'", path=f"{path}.selectionSet")
                fragment = self._fragments[name]
                if fragment.type_condition.name.value == parent.name:
                    self._collect(parent, fragment.selection_set, path, grouped)

    def _is_included(self, node: Any, path: str) -> bool:
        here = f"{path}.selectionSet"
        names = [directive.name.value for directive in node.directives or ()]
        repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if repeated:
            raise HasuraError(f"the following directives are used more than once: {', '.join(repeated)}", path=here)
        for directive in node.directives or ():
            name = directive.name.value
            if name not in ("skip", "include"):
                raise HasuraError(f"directive '{name}' is not defined in the schema", path=here)
            args = {arg.name.value: literal(arg.value) for arg in directive.arguments or ()}
            value = args.get("if")
            if isinstance(value, Variable):
                value = self._variables.get(value.name)
            if not isinstance(value, bool):
                raise HasuraError(f"missing required field 'if' of directive '{name}'", path=here)
            if value is (name == "skip"):
                return False
        return True

    def _field(self, parent: GraphQLObjectType, key: str, nodes: list[FieldNode], path: str) -> Selection:
        name = nodes[0].name.value
        here = f"{path}.selectionSet.{name}"
        field = parent.fields.get(name) or META_FIELDS.get(name)
        if field is None or (name in ("__schema", "__type") and parent.name != "query_root"):
            raise HasuraError(f"field '{name}' not found in type: '{parent.name}'", path=here)
        if any(node.name.value != name or node.arguments != nodes[0].arguments for node in nodes):
            raise HasuraError(
                f"selection of both '{name}' and another field or other arguments as '{key}'; use different aliases",
                path=f"{path}.selectionSet",
            )
        args = self._arguments(name, field, nodes[0], here)
        output = get_named_type(field.type)
        sets = [node.selection_set for node in nodes if node.selection_set]
        is_object = isinstance(output, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType)
        if is_object and not sets:
            raise HasuraError(f"missing selection set for '{output.name}'", path=here)
        if sets and not is_object:
            raise HasuraError("unexpected subselection set for non-object field", path=here)
        children: tuple[Selection, ...] = ()
        if isinstance(output, GraphQLObjectType) and not output.name.startswith("__"):
            children = self._children(output, sets, here)
        return Selection(key, field, name, args, children, here, parent.name)

    def _arguments(self, name: str, field: GraphQLField, node: FieldNode, path: str) -> dict[str, Any]:
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        for argument in given:
            if argument not in field.args:
                raise HasuraError(f"'{name}' has no argument named '{argument}'", path=path)
        result: dict[str, Any] = {}
        for argument, definition in field.args.items():
            here = f"{path}.args.{argument}"
            if argument in given:
                value = self.coerce(literal(given[argument]), definition.type, here)
                if value is None and definition.extensions.get("reject_null"):
                    raise type_mismatch(definition.type, None, here)
                check: Callable[[Any, str], Any] = definition.extensions.get("check", _as_it_is)
                result[argument] = check(value, here)
            elif isinstance(definition.type, GraphQLNonNull):
                raise HasuraError(f"missing required field '{argument}'", path=here)
        return result

    def coerce(self, value: Any, type_: Any, path: str, is_json: bool = False) -> Any:
        """A literal or variable as a value of `type_`. In a variable's JSON (`is_json`) a string may be an enum's."""
        if isinstance(value, Variable):
            return self._variable(value, type_, path)
        if isinstance(type_, GraphQLNonNull):
            if value is None:
                raise type_mismatch(type_.of_type, value, path, is_json)
            return self.coerce(value, type_.of_type, path, is_json)
        if value is None:
            return None
        if isinstance(type_, GraphQLList):
            if isinstance(type_, ArrayList) and isinstance(value, str):
                return value
            if not isinstance(value, list):
                return [self.coerce(value, type_.of_type, f"{path}[0]", is_json)]
            return [self.coerce(item, type_.of_type, f"{path}[{i}]", is_json) for i, item in enumerate(value)]
        if isinstance(type_, GraphQLInputObjectType):
            return self._object(value, type_, path, is_json)
        if isinstance(type_, GraphQLEnumType):
            return _enum_value(value, type_, path, is_json)
        return self._scalar(value, type_.name, path, is_json)

    def _variable(self, variable: Variable, type_: Any, path: str) -> Any:
        name = variable.name
        definition = self._definitions[name]
        declared: Any = type_from_ast(self._schema, definition.type)
        usable = declared
        if definition.default_value is not None and isinstance(type_, GraphQLNonNull):
            usable = (
                GraphQLNonNull(declared)
                if declared is not None and not isinstance(declared, GraphQLNonNull)
                else declared
            )
        if usable is None or not is_type_sub_type_of(self._schema, usable, type_):
            raise HasuraError(
                f"variable '{name}' is declared as '{_type_text(definition.type)}', "
                f"but used where '{type_}' is expected",
                path=path,
            )
        return self.coerce(self._variables[name], type_, path, is_json=True)

    def _object(self, value: Any, type_: GraphQLInputObjectType, path: str, is_json: bool) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise type_mismatch(type_, value, path, is_json)
        for name in value:
            if name not in type_.fields:
                raise HasuraError(f"field '{name}' not found in type: '{type_.name}'", path=f"{path}.{name}")
        result: dict[str, Any] = {}
        for name, raw in value.items():
            field = type_.fields[name]
            here = f"{path}.{name}"
            checked = self.coerce(raw, field.type, here, is_json)
            if checked is None and field.extensions.get("reject_null"):
                raise type_mismatch(field.type, None, here)
            check: Callable[[Any, str], Any] = field.extensions.get("check", _as_it_is)
            result[name] = check(checked, here)
        for name, field in type_.fields.items():
            if name not in value and isinstance(field.type, GraphQLNonNull):
                if field.default_value is None or not isinstance(field.default_value, list):
                    raise HasuraError(f"missing required field '{name}'", path=f"{path}.{name}")
                result[name] = field.default_value
        return result

    def _scalar(self, value: Any, name: str, path: str, is_json: bool) -> Any:
        if name in _OPAQUE:
            return self._opaque(value)
        accepts = {"String": (str,), "Boolean": (bool,), "Int": (int, float), "Float": (int, float)}.get(name)
        if isinstance(value, str) and not isinstance(value, EnumToken) and name in ("Boolean", "Int", "Float"):
            return value  # the text of a column's value, for PostgreSQL to read; what is no column's checks it itself
        if isinstance(value, EnumToken) or (
            accepts and (not isinstance(value, accepts) or (isinstance(value, bool) and name != "Boolean"))
        ):
            raise type_mismatch(name, value, path, is_json)
        if name == "Int":
            return whole_number(value, path)
        if isinstance(value, dict | list) or (name.startswith("_") and not isinstance(value, str)):
            raise HasuraError(f"A string is expected for type: {name}", "parse-failed", path)
        return value

    def _opaque(self, value: Any) -> Any:
        if isinstance(value, Variable):
            return self._opaque(self._variables[value.name])
        if isinstance(value, dict):
            return {key: self._opaque(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._opaque(item) for item in value]
        return str(value) if isinstance(value, EnumToken) else value


def _enum_value(value: Any, type_: GraphQLEnumType, path: str, is_json: bool) -> str:
    if not isinstance(value, str if is_json else EnumToken):
        raise type_mismatch(type_, value, path, is_json)
    if value not in type_.values:
        known = ", ".join(f"'{name}'" for name in type_.values)
        raise HasuraError(
            f"expected one of the values [{known}] for type '{type_.name}', but found '{value}'", path=path
        )
    return str(value)


def _as_it_is(value: Any, path: str) -> Any:
    return value


def _type_text(node: Any) -> str:
    if node.kind == "non_null_type":
        return f"{_type_text(node.type)}!"
    if node.kind == "list_type":
        return f"[{_type_text(node.type)}]"
    return str(node.name.value)
