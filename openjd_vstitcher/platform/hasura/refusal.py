"""Hasura's errors, and which of them may pass. The facts are those of Hasura v2's `Hasura.Base.Error`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gql.transport.exceptions import TransportQueryError

from ...errors import PlatformError

REFUSED_CREDENTIAL = ("invalid-jwt", "access-denied", "invalid-headers")

_PASSING = (
    "postgres-error",
    "postgres-max-connections-error",
    "concurrent-update",
    "connection-not-established",
    "busy",
    "timeout",
)
_UNEXPECTED = "unexpected"
_PASSING_STATES = ("40", "55P03", "57", "08", "53")


class RequestRefused(PlatformError):
    """Hasura answered with an error.

    Parameters
    ----------
    code: `extensions.code`, such as `permission-error` or `constraint-violation`.
    """

    def __init__(self, message: str, *, code: str, transient: bool) -> None:
        self.code = code
        super().__init__(message, transient=transient, credential=code in REFUSED_CREDENTIAL)


def refusal(error: TransportQueryError) -> RequestRefused:
    """The error for an answer with errors."""
    first: Mapping[str, Any] = (error.errors or [{}])[0]
    extensions = first.get("extensions") or {}
    code = str(extensions.get("code") or "")
    internal = extensions.get("internal")
    inner = internal.get("error") if isinstance(internal, Mapping) else None
    details = inner if isinstance(inner, Mapping) else {}
    text = ": ".join(str(part) for part in (first.get("message"), details.get("message")) if part)
    return RequestRefused(
        f"the platform refused the request: {text} ({code or 'no code'})",
        code=code,
        transient=_may_pass(code, str(details.get("status_code") or "")),
    )


def _may_pass(code: str, state: str) -> bool:
    """Whether the same request can succeed later.

    `unexpected` hides a deadlock as well as a missing function. PostgreSQL's own error, which decides, is shown to
    administrators only; for other roles the error counts as passing. What the database refuses for good comes with
    another code. An error without a code is not Hasura's but a gateway's.
    """
    return state.startswith(_PASSING_STATES) or not code or code in _PASSING or (code == _UNEXPECTED and not state)
