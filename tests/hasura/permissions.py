"""What a role may do with a table, and the session that a request runs in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.hasura.catalogue import DELETABLE, INSERTABLE, UPDATABLE, Column, TableKey
from tests.hasura.errors import HasuraError
from tests.hasura.model import ComputedField, Model, Relationship, TrackedFunction, TrackedTable

ADMIN = "admin"
_PREFIX = "x-hasura-"


@dataclass(frozen=True)
class Session:
    """Who asks: the role and the session variables, with names in lower case."""

    role: str
    variables: Mapping[str, str] = field(default_factory=dict)
    backend: bool = False
    expires_at: float | None = None

    def variable(self, name: str) -> str:
        """A session variable's value. Raises `HasuraError` (`not-found`) when the request did not give it."""
        try:
            return self.variables[name.lower()]
        except KeyError:
            raise HasuraError(f'missing session variable: "{name.lower()}"', "not-found") from None

    def as_json(self) -> str:
        """The variables as a function's session argument gets them."""
        return json.dumps({**self.variables, f"{_PREFIX}role": self.role})


def is_session_variable(value: Any) -> bool:
    """Whether a permission's value stands for a session variable."""
    return isinstance(value, str) and value.lower().startswith(_PREFIX)


@dataclass(frozen=True)
class WriteAccess:
    """Columns that a role may write (by GraphQL name), presets, and what old and new rows must satisfy."""

    columns: dict[str, Column]
    presets: dict[str, Any]
    filter: dict[str, Any]
    check: dict[str, Any]


class TableAccess:
    """A tracked table as one role sees it; `insert`, `update`, `delete` are `None` where it has no permission."""

    def __init__(self, model: Model, tracked: TrackedTable, role: str, backend: bool) -> None:
        self.model = model
        self.tracked = tracked
        self.role = role
        self.backend = backend
        self.table = tracked.table
        self.name = tracked.name
        select = self._permission("select")
        self.can_select = select is not None
        self.columns = self._columns(select)
        self.filter: dict[str, Any] = (select or {}).get("filter") or {}
        self.limit: int | None = (select or {}).get("limit")
        self.allow_aggregations = role == ADMIN or bool((select or {}).get("allow_aggregations"))
        self.insert = self._write("insert", INSERTABLE)
        self.update = self._write("update", UPDATABLE)
        self.delete = self._write("delete", DELETABLE)

    @property
    def key(self) -> TableKey:
        return self.tracked.key

    def other(self, key: TableKey) -> TableAccess:
        """The same role's view of another table."""
        return TableAccess(self.model, self.model.tables[key], self.role, self.backend)

    @property
    def relationships(self) -> dict[str, Relationship]:
        """Relationships to tables that the role may select from."""
        tables = self.model.tables
        return {
            name: relationship
            for name, relationship in self.tracked.relationships.items()
            if self.role == ADMIN or self.role in tables[relationship.target].metadata.permissions["select"]
        }

    @property
    def computed_fields(self) -> dict[str, ComputedField]:
        """Computed fields of the role: scalars that it was given, rows of tables that it may select from."""
        permission = self._permission("select") or {}
        allowed = permission.get("computed_fields") or []
        return {
            name: computed
            for name, computed in self.tracked.computed_fields.items()
            if self.role == ADMIN
            or name in allowed
            or (
                computed.function.returns in self.model.tables
                and self.role in self.model.tables[computed.function.returns].metadata.permissions["select"]
            )
        }

    @property
    def can_select_by_pk(self) -> bool:
        readable = {column.name for column in self.columns.values()}
        return bool(self.table.primary_key) and readable.issuperset(self.table.primary_key)

    def _permission(self, kind: str) -> dict[str, Any] | None:
        if self.role == ADMIN:
            return {"columns": "*"}
        permission = self.tracked.metadata.permissions[kind].get(self.role)
        if permission is None or (permission.get("backend_only") and not self.backend):
            return None
        return permission

    def _columns(self, permission: dict[str, Any] | None) -> dict[str, Column]:
        if permission is None:
            return {}
        allowed = permission.get("columns", "*")
        return {
            name: column for name, column in self.tracked.columns.items() if allowed == "*" or column.name in allowed
        }

    def _write(self, kind: str, flag: int) -> WriteAccess | None:
        permission = self._permission(kind)
        if permission is None or not self.table.updatable & flag:
            return None
        presets = permission.get("set") or {}
        columns = {
            name: column
            for name, column in self._columns(permission).items()
            if column.name not in presets and not column.generated
        }
        return WriteAccess(columns, presets, permission.get("filter") or {}, permission.get("check") or {})


def may_call(function: TrackedFunction, model: Model, role: str) -> bool:
    """Whether a role sees a function: by its table for queries (inferred), by explicit permission for mutations."""
    if role == ADMIN:
        return True
    if role not in model.tables[function.table].metadata.permissions["select"]:
        return False
    return not function.is_mutation or role in function.metadata.roles
