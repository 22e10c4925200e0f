"""Files and directories that only their owner can open, on Windows. Wine drops part of an access list."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openjd_vstitcher.attempt.directory import AttemptDirectory
from openjd_vstitcher.attempt.request import AttemptRequest
from openjd_vstitcher.files import make_directory_for_owner, open_for_owner, write_whole
from openjd_vstitcher.journal import Journal

EVERYONE = ("WD", "BU", "AU", "IU")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The access lists that Windows was asked for."""
    import win32security

    from openjd_vstitcher import windows_access

    lists: list[str] = []
    real = windows_access._access

    def record(*, inherited: bool) -> object:
        attributes = real(inherited=inherited)
        convert = win32security.ConvertSecurityDescriptorToStringSecurityDescriptor
        lists.append(convert(attributes.SECURITY_DESCRIPTOR, 1, win32security.DACL_SECURITY_INFORMATION))
        return attributes

    monkeypatch.setattr(windows_access, "_access", record)
    return lists


def for_owner(access: str) -> bool:
    return access.startswith("D:P(A;") and not any(f";;;{sid})" in access for sid in EVERYONE)


@pytest.mark.windows
def test_a_file_with_a_key_is_only_its_owners_before_it_has_content(tmp_path: Path, asked: list[str]) -> None:
    write_whole(tmp_path / "connection.json", "{}")
    Journal(tmp_path / "journal.jsonl", job_id="j").close()
    assert len(asked) == 2
    assert all(for_owner(access) for access in asked)


@pytest.mark.windows
def test_what_is_made_in_a_directory_of_an_attempt_is_only_its_owners_too(tmp_path: Path, asked: list[str]) -> None:
    AttemptDirectory(tmp_path / "j.1").create(AttemptRequest({}, {}, 1, "w", 0.0))
    assert for_owner(asked[0])
    assert "A;OICI;FA" in asked[0]
    assert "(A;OICI;RC;;;OW)" in asked[0]


def test_a_file_that_is_there_is_opened_or_refused_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    os.close(open_for_owner(path, os.O_CREAT | os.O_RDWR))
    assert path.read_bytes() == b"old"
    with pytest.raises(FileExistsError):
        open_for_owner(path, os.O_CREAT | os.O_EXCL | os.O_RDWR)
    with pytest.raises(FileNotFoundError):
        open_for_owner(tmp_path / "none" / "a", os.O_CREAT | os.O_RDWR)


def test_a_directory_that_is_there_is_an_error_unless_that_is_allowed(tmp_path: Path) -> None:
    make_directory_for_owner(tmp_path / "a" / "b")
    with pytest.raises(FileExistsError):
        make_directory_for_owner(tmp_path / "a" / "b")
    make_directory_for_owner(tmp_path / "a" / "b", exist_ok=True)
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_directory_for_owner(tmp_path / "file", exist_ok=True)
