"""Law 9, with anything that an input, an engine or an action can say: it sets nothing and reports what was meant only.

What is printed is read as OpenJD reads it: in lines of at most 64,000 characters, through the filters of a session.
"""

from __future__ import annotations

import io
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from openjd.sessions._action_filter import ActionMessageKind, ActionMonitoringFilter
from openjd.sessions._logging import LogContent
from openjd.sessions._subprocess import LOG_LINE_MAX_LENGTH

from openjd_vstitcher import action_output
from openjd_vstitcher.engine import client
from openjd_vstitcher.events import Fact
from openjd_vstitcher.redaction import Redaction
from openjd_vstitcher.session.log import SessionLog
from openjd_vstitcher.session.protocol import ProtocolFilter

_REPORTS = {ActionMessageKind.PROGRESS, ActionMessageKind.STATUS, ActionMessageKind.FAIL}
_FRAGMENTS = [
    *("openjd_env: A=b", "openjd_unset_env: PATH", 'openjd_env: "A=b"', "openjd_redacted_env: A=b", "OpenJD_env A=b"),
    *("openjd_progress: 50", "openjd_status: x", "openjd_fail: x", "openjd_session_runtime_loglevel: ERROR"),
    'vstitcher_event: {"event": "limited", "output": "a", "field": "b", "asked": 2, "used": 1}',
    *("\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\0", "\ud800", "\u202e"),
    *("x" * 63_990, "é" * 32_000, "x" * (LOG_LINE_MAX_LENGTH + 1), " ", "\t", "\ufeff"),
]
TEXT = st.lists(
    st.sampled_from(_FRAGMENTS) | st.text(st.characters(exclude_categories=()), max_size=20), max_size=6
).map("".join)
BYTES = TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=200)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
MESSAGES = st.one_of(
    st.fixed_dictionaries({"type": st.just("progress"), "value": st.floats() | st.integers() | TEXT}),
    st.fixed_dictionaries({"type": st.sampled_from(["status", "notice"]), "text": JSON}),
    st.fixed_dictionaries({"type": st.just("event"), "event": st.dictionaries(TEXT, JSON, max_size=3)}),
    st.fixed_dictionaries(
        {
            "type": st.just("failed"),
            "failure": st.fixed_dictionaries(
                {"stage": TEXT, "message": TEXT},
                optional={"export": TEXT, "engine_error": JSON, "log_tail": st.lists(TEXT, max_size=3), "exit": TEXT},
            ),
        }
    ),
    st.dictionaries(TEXT, JSON, max_size=3),
)


class Session:
    """What a session makes of an action's output."""

    def __init__(self, folder: Path) -> None:
        self.obeyed: list[tuple[ActionMessageKind, Any]] = []
        self.canceled = False
        self.facts: list[Fact] = []
        self.log = SessionLog(folder / "session.log", redact=Redaction({}), on_fact=self.facts.append)

    def read(self, output: bytes) -> None:
        """Read it as `openjd.sessions` does, and pass each line through the filters of a session."""
        protocol = ProtocolFilter()
        protocol.session_id = "s"
        filters = (protocol, ActionMonitoringFilter(session_id="s", callback=self._obey))
        stream = io.TextIOWrapper(io.BytesIO(output), encoding="utf-8", errors="backslashreplace")
        for line in iter(lambda: stream.readline(LOG_LINE_MAX_LENGTH), ""):
            record = logging.LogRecord("openjd.sessions", logging.INFO, "", 0, line.rstrip("\n\r"), (), None)
            record.session_id, record.openjd_log_content = "s", LogContent.COMMAND_OUTPUT
            assert all(each.filter(record) for each in filters)
            self.log.emit(record)

    def _obey(self, kind: ActionMessageKind, value: Any, cancel: bool) -> None:
        self.obeyed.append((kind, value))
        self.canceled |= cancel


def _read(output: bytes) -> Session:
    with tempfile.TemporaryDirectory() as folder:
        session = Session(Path(folder))
        session.read(output)
        session.log.close()
    return session


def check_raw_output(output: bytes) -> None:
    """Even what did not go through our printer sets nothing and cancels nothing."""
    session = _read(output)
    assert {kind for kind, _ in session.obeyed} <= _REPORTS
    assert not session.canceled


def check_message(message: dict[str, Any]) -> None:
    """A message of the engine becomes one report of its own kind at most, and no other."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    before, sys.stdout = sys.stdout, stream
    broken = False
    try:
        with action_output.guarded("failed"):
            client._print(message)
    except SystemExit:
        broken = True
    finally:
        sys.stdout = before
    stream.flush()
    session = _read(stream.buffer.getvalue())  # type: ignore[attr-defined]  # it is a BytesIO
    kind = message.get("type")
    meant = {"progress": "progress", "status": "status", "notice": "status", "canceled": "status", "failed": "fail"}
    allowed = ["fail"] if broken else [meant[kind]] if isinstance(kind, str) and kind in meant else []
    assert [each.value for each, _ in session.obeyed] in ([], allowed)
    assert len(session.facts) <= (kind in ("event", "failed"))
    assert not session.canceled


@given(BYTES)
@example(b"x" * LOG_LINE_MAX_LENGTH + b"openjd_env: A=b")
@example("\x85openjd_env: A=b".encode())
@settings(max_examples=150, deadline=None)
def test_no_output_sets_a_variable_or_cancels(output: bytes) -> None:
    check_raw_output(output)


@given(MESSAGES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_message_of_an_engine_is_more_than_one_report_of_its_kind(message: dict[str, Any]) -> None:
    check_message(message)


_MANY = settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.long
@pytest.mark.timeout(1800)
@given(BYTES)
@_MANY
def test_no_output_sets_a_variable_or_cancels_in_10000_tries(output: bytes) -> None:
    check_raw_output(output)


@pytest.mark.long
@pytest.mark.timeout(1800)
@given(MESSAGES)
@_MANY
def test_no_message_of_an_engine_is_more_than_one_report_of_its_kind_in_10000_tries(message: dict[str, Any]) -> None:
    check_message(message)
