"""Which of Hasura's errors are worth another try."""

from __future__ import annotations

from typing import Any

import pytest
from gql.transport.exceptions import TransportQueryError

from openjd_vstitcher.platform.hasura.refusal import refusal


def error(code: str | None, message: str = "", state: str | None = None) -> TransportQueryError:
    extensions: dict[str, Any] = {} if code is None else {"code": code}
    if state is not None:
        extensions["internal"] = {"error": {"status_code": state, "message": "inner words"}}
    return TransportQueryError("failed", errors=[{"message": message, "extensions": extensions}])


@pytest.mark.parametrize(
    ("given", "transient"),
    [
        (error("access-denied"), False),
        (error("validation-failed"), False),
        (error("permission-error"), False),
        (error("constraint-violation", "Foreign key violation"), False),
        (error("data-exception", state="22P02"), False),
        (error("not-supported"), False),
        (error("a-code-of-tomorrow"), False),
        (error("unexpected", "database query error", "42501"), False),
        (error("unexpected", "database query error", "40001"), True),
        (error("unexpected", "database query error", "40P01"), True),
        (error("unexpected", "database query error", "55P03"), True),
        (error("unexpected", "database query error", "53300"), True),
        (error("unexpected", "database query error"), True),
        (error("postgres-max-connections-error", "max connections reached on postgres"), True),
        (error("concurrent-update", "serialization failure due to concurrent update"), True),
        (error("connection-not-established"), True),
        (error("busy"), True),
        (error("timeout"), True),
        (error("postgres-error", "connection error"), True),
        (error("postgres-error", "could not serialize access due to concurrent update"), True),
        (error(None, "upstream request timeout"), True),
    ],
)
def test_only_what_can_pass_is_tried_again(given: TransportQueryError, transient: bool) -> None:
    assert refusal(given).transient is transient


def test_the_reader_sees_what_hasura_and_the_database_said() -> None:
    text = str(refusal(error("unexpected", "database query error", "42501")))
    assert text == "the platform refused the request: database query error: inner words (unexpected)"
