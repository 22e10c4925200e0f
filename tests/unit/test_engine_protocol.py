"""Messages are JSON lines; anything else is refused."""

from __future__ import annotations

import json
import os
import socket
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openjd_vstitcher.engine import protocol
from openjd_vstitcher.engine.protocol import ProtocolError, decode, encode, receive
from openjd_vstitcher.files import write_json

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), json_values, max_size=6))
def test_message_arrives_as_it_was_sent(message: dict[str, object]) -> None:
    line = encode(message)
    assert line.count(b"\n") == 1
    assert decode(line) == message


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_garbage_is_refused_and_never_crashes(line: bytes) -> None:
    check_garbage(line)


@pytest.mark.slow
@pytest.mark.timeout(400)
@given(
    st.binary(max_size=100)
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.integers(1, 2000).map(lambda depth: b"[" * depth)
)
@settings(max_examples=12_000, deadline=None)
def test_much_garbage_is_refused_and_never_crashes(line: bytes) -> None:
    check_garbage(line)


def check_garbage(line: bytes) -> None:
    try:
        message = decode(line)
    except ProtocolError:
        return
    assert isinstance(message, dict)


def test_message_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MAX_LINE_BYTES", 1000)
    ours, theirs = socket.socketpair()
    theirs.sendall(b"{" + b" " * 2000)
    theirs.close()
    with pytest.raises(ProtocolError, match="over 1000 bytes"):
        list(receive(ours))


def test_messages_are_assembled_from_chunks() -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(b'{"a":1}\n{"b"')
    theirs.sendall(b":2}\n")
    theirs.close()
    assert list(receive(ours)) == [{"a": 1}, {"b": 2}]


def test_connection_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "connection.json"
    write_json(file, {"host": "127.0.0.1", "port": 1, "key": "k"})
    assert protocol.read_connection(str(file))["port"] == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["connection.json"]
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"host": 1, "port": 2, "key": 3}', '{"host": "x"'])
def test_other_content_is_not_a_connection_file(tmp_path: Path, content: str) -> None:
    file = tmp_path / "connection.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ProtocolError, match="not a connection file"):
        protocol.read_connection(str(file))


def test_missing_connection_file_means_that_no_engine_is_running(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="no engine is running"):
        protocol.read_connection(str(tmp_path / "connection.json"))
