"""GraphQL documents, parsed once for each text: operations, fragments, and the variables that they use."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    Visitor,
    parse,
    visit,
)

from tests.hasura.errors import HasuraError


class Document:
    """A document whose fragments form no cycle. Raises `HasuraError` if they do."""

    def __init__(self, node: DocumentNode) -> None:
        self.node = node
        self.operations = [d for d in node.definitions if isinstance(d, OperationDefinitionNode)]
        self.fragments = {d.name.value: d for d in node.definitions if isinstance(d, FragmentDefinitionNode)}
        self._used: dict[int, frozenset[str]] = {}
        for name in self.fragments:
            self._refuse_cycle(name, ())

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation that a request means."""
        if name is not None:
            for operation in self.operations:
                if operation.name and operation.name.value == name:
                    return operation
            raise HasuraError(f'no such operation found in the document: "{name}"')
        if len(self.operations) != 1:
            raise HasuraError(
                "exactly one operation has to be present in the document when operationName is not specified"
            )
        return self.operations[0]

    def used_variables(self, operation: OperationDefinitionNode) -> frozenset[str]:
        """The variables that one of the operations uses, those of the fragments that it reaches included."""
        key = next(i for i, known in enumerate(self.operations) if known is operation)
        if key not in self._used:
            self._used[key] = frozenset(self._variables_of(operation))
        return self._used[key]

    def _refuse_cycle(self, name: str, within: tuple[str, ...]) -> None:
        if name in within:
            cycle = ", ".join(f"'{part}'" for part in within[within.index(name) :])
            raise HasuraError(f"the fragment definition(s) {cycle} form a cycle")
        if name in self.fragments:
            for inner in _spread_names(self.fragments[name].selection_set):
                self._refuse_cycle(inner, (*within, name))

    def _variables_of(self, operation: OperationDefinitionNode) -> Iterator[str]:
        nodes: list[OperationDefinitionNode | FragmentDefinitionNode] = [operation]
        waiting, seen = list(_spread_names(operation.selection_set)), set()
        while waiting:
            name = waiting.pop()
            if name not in seen and name in self.fragments:
                seen.add(name)
                nodes.append(self.fragments[name])
                waiting += _spread_names(self.fragments[name].selection_set)
        for node in nodes:
            for part in (*(node.directives or ()), node.selection_set):
                found = _Variables()
                visit(part, found)
                yield from found.names


@lru_cache(maxsize=512)
def parse_document(query: str) -> Document:
    """The document of a query text. Raises `HasuraError` when it is not GraphQL."""
    try:
        return Document(parse(query, no_location=True))
    except GraphQLError as error:
        raise HasuraError(f"not a valid graphql query: {error.message}", path="$.query") from error


class _Variables(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        self.names.append(node.name.value)


def _spread_names(selection_set: SelectionSetNode) -> Iterator[str]:
    for node in selection_set.selections:
        if isinstance(node, FragmentSpreadNode):
            yield node.name.value
        elif isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set:
            yield from _spread_names(node.selection_set)
