"""Errors in Hasura's shape, and the translation of PostgreSQL's errors into them."""

from __future__ import annotations

from typing import Any

import psycopg

_INTEGRITY_PREFIXES = {
    "23001": "Can not delete or update due to data being referred. ",
    "23502": "Not-NULL violation. ",
    "23503": "Foreign key violation. ",
    "23505": "Uniqueness violation. ",
    "23514": "Check constraint violation. ",
    "23P01": "Exclusion violation. ",
}
_CHECK_VIOLATION = "23514"
_INVALID_ESCAPE_SEQUENCE = "22025"
_INVALID_COLUMN_REFERENCE = "42P10"
_UNDEFINED_OBJECT = "42704"
_TRANSACTION_ROLLBACK = "40"


class HasuraError(Exception):
    """A refusal, with Hasura's code and the path of what is refused.

    Parameters: `message` as clients see it, `code` such as `validation-failed`, `path` as JSON path from `$`,
    `internal` the details that only the admin role gets to see.
    """

    def __init__(self, message: str, code: str = "validation-failed", path: str = "$", internal: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.path = path
        self.internal = internal

    def as_graphql(self, show_internal: bool = False) -> dict[str, Any]:
        """The entry of a response's `errors`."""
        extensions: dict[str, Any] = {"path": self.path, "code": self.code}
        if show_internal and self.internal is not None:
            extensions["internal"] = self.internal
        return {"message": self.message, "extensions": extensions}

    def as_legacy(self) -> dict[str, Any]:
        """The form that `/v1/query`, `/v1/metadata` and `/v1alpha1/graphql` use."""
        body = {"path": self.path, "error": self.message, "code": self.code}
        return body if self.internal is None else body | {"internal": self.internal}


def from_postgres(error: psycopg.Error, path: str = "$") -> HasuraError:
    """What Hasura tells a client about an error of a query or mutation.

    Only integrity violations, data exceptions and wrong conflict targets reach the client with their message;
    everything else, an exception raised by a SQL function included, is "database query error".
    """
    if error.sqlstate is None:
        return HasuraError("connection error", "postgres-error", path, internal=str(error))
    state = error.sqlstate
    message = error.diag.message_primary or str(error)
    if state.startswith("23"):
        code = "permission-error" if state == _CHECK_VIOLATION else "constraint-violation"
        return HasuraError(_INTEGRITY_PREFIXES.get(state, "") + message, code, path)
    if state.startswith("22"):
        return HasuraError(message, "bad-request" if state == _INVALID_ESCAPE_SEQUENCE else "data-exception", path)
    if state == _INVALID_COLUMN_REFERENCE:
        return HasuraError("there is no unique or exclusion constraint on target column(s)", "constraint-error", path)
    if state == _UNDEFINED_OBJECT:
        return HasuraError(message, "constraint-error", path)
    return HasuraError("database query error", "unexpected", path, internal={"error": postgres_detail(error)})


def from_commit(error: psycopg.Error) -> HasuraError:
    """The error of a transaction's end, where Hasura does tell of a concurrent update."""
    if (error.sqlstate or "").startswith(_TRANSACTION_ROLLBACK):
        return HasuraError("serialization failure due to concurrent update", "concurrent-update")
    return from_postgres(error)


def postgres_detail(error: psycopg.Error) -> dict[str, Any]:
    """PostgreSQL's own words, as Hasura shows them to the admin role."""
    return {
        "exec_status": "FatalError",
        "status_code": error.sqlstate,
        "message": error.diag.message_primary or str(error),
        "description": error.diag.message_detail,
        "hint": error.diag.message_hint,
    }
