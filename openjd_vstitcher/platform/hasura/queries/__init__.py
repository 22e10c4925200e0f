"""The GraphQL requests, read from the files beside this module."""

from __future__ import annotations

from collections.abc import Collection
from importlib import resources
from typing import Any

from graphql import REMOVE, DocumentNode, FieldNode, Visitor, parse, visit
from graphql.utilities import separate_operations

_JOB = "{{job}}"
_FILES = {
    "extended": ("common", "extended"),
    "legacy": ("common", "legacy"),
    "serving": ("serving",),
    "introspection": ("introspection",),
}


def requests(kind: str, *, job_root: str = "platform_job", without: Collection[str] = ()) -> dict[str, DocumentNode]:
    """The operations by name, each with only the fragments that it uses.

    Parameters
    ----------
    kind: `extended` or `legacy`, the kind of the tables; `serving`, what only servers ask; or `introspection`.
    job_root: the GraphQL name of the table of jobs, put in place of `{{job}}`.
    without: fields to leave out because the role may not read them.
    """
    folder = resources.files(__name__)
    text = "\n".join(folder.joinpath(f"{file}.graphql").read_text(encoding="utf-8") for file in _FILES[kind])
    document = visit(parse(text.replace(_JOB, job_root)), _LeaveOut(without))
    return separate_operations(document)


class _LeaveOut(Visitor):
    def __init__(self, names: Collection[str]) -> None:
        super().__init__()
        self._names = names

    def enter_field(self, node: FieldNode, *_: Any) -> Any:
        return REMOVE if node.name.value in self._names else None
