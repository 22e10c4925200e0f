"""API keys in their file."""

from __future__ import annotations

import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from openjd_vstitcher.api.key_file import SCOPES, KeyFile
from openjd_vstitcher.errors import InvalidInput, NotFound

PAST = datetime.now(UTC) - timedelta(seconds=1)


def test_a_key_is_found_by_its_text_only(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "server" / "keys.json")
    key, text = keys.create("farm", ["steer", "read"], None)
    assert keys.key_of(text) == key
    assert key.scopes == ("read", "steer")
    for wrong in ("", text[:-1], f"{text}x", text.replace("ovs", "abc", 1), f"ovs_{key.id}_", f"ovs_{key.id}"):
        assert keys.key_of(wrong) is None


def test_only_the_hash_is_kept_and_only_for_the_owner(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    _, text = KeyFile(file).create("farm", ["read"], None)
    assert text.split("_", 2)[2] not in file.read_text()
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_expired_key_is_refused(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "keys.json")
    _, text = keys.create("farm", ["read"], PAST)
    assert keys.key_of(text) is None
    assert len(keys.all()) == 1


def test_a_server_sees_what_another_process_does_to_the_keys(tmp_path: Path) -> None:
    server, command = KeyFile(tmp_path / "keys.json"), KeyFile(tmp_path / "keys.json")
    assert server.key_of("ovs_a_b") is None
    key, text = command.create("farm", SCOPES, None)
    assert server.key_of(text) == key
    command.revoke(key.id)
    assert server.key_of(text) is None
    with pytest.raises(NotFound):
        command.revoke(key.id)


@pytest.mark.parametrize("scopes", [[], ["root"], ["read", "root"]])
def test_an_unknown_scope_is_refused(tmp_path: Path, scopes: list[str]) -> None:
    with pytest.raises(InvalidInput, match="expected some of read, submit"):
        KeyFile(tmp_path / "keys.json").create("farm", scopes, None)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": [{}]}', '{"keys": 5}'])
def test_a_broken_file_lets_nobody_in(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys.json").write_text(text)
    with pytest.raises(InvalidInput, match="not a file of API keys"):
        KeyFile(tmp_path / "keys.json").key_of("ovs_a_b")
