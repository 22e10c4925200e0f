"""The session user on Windows, by what is called, and what is said where a user cannot be used."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from openjd.sessions import PosixSessionUser

from openjd_vstitcher.attempt import isolation
from openjd_vstitcher.attempt.directory import AttemptDirectory
from openjd_vstitcher.attempt.request import AttemptRequest
from openjd_vstitcher.config import Config, WorkerConfig
from openjd_vstitcher.session import user
from openjd_vstitcher.session.user import SessionUserError, check_reach, session_user


class Windows:
    """The two libraries of Windows, and the class of OpenJD, as far as they are called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, session: int, accepts: bool = True) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self._session, self._accepts = session, accepts
        monkeypatch.setattr(user, "_windows_libraries", lambda: (self, self))
        monkeypatch.setattr(user, "WindowsSessionUser", self._user)

    def _user(self, name: str, **given: Any) -> tuple[str, dict[str, Any]]:
        return name, {key: getattr(value, "value", value) for key, value in given.items()}

    def ProcessIdToSessionId(self, pid: int, session: Any) -> int:
        session._obj.value = self._session
        return int(pid == os.getpid())

    def LogonUserW(self, *arguments: Any) -> int:
        self.calls.append(arguments[:-1])
        arguments[-1]._obj.value = 77
        return int(self._accepts)

    def GetLastError(self) -> int:
        return 1326


def test_on_a_desktop_the_password_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = Windows(monkeypatch, session=1)
    assert user._windows_user("job", "pw") == ("job", {"password": "pw"})
    assert windows.calls == []


@pytest.mark.parametrize(("name", "asked"), [("job", ("job", None)), ("STUDIO\\job", ("job", "STUDIO"))])
def test_a_service_logs_the_user_on_itself(
    monkeypatch: pytest.MonkeyPatch, name: str, asked: tuple[str, str | None]
) -> None:
    windows = Windows(monkeypatch, session=0)
    assert user._windows_user(name, "pw") == (name, {"logon_token": 77})
    assert windows.calls == [(*asked, "pw", 2, 0)]


def test_a_refused_logon_is_said_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    Windows(monkeypatch, session=0, accepts=False)
    with pytest.raises(SessionUserError, match="refused the logon of 'job': 1326") as caught:
        user._windows_user("job", "pw-4711")
    assert "4711" not in str(caught.value)


def test_windows_grants_the_user_only_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(isolation.subprocess, "run", run)
    directory = AttemptDirectory(tmp_path)
    isolation._open_to_user(directory, "job")
    assert {(command[1], command[3]) for command in calls} == {
        (str(directory.inputs), "job:R"),
        (str(directory.session_config), "job:R"),
        (str(directory.commands), "job:(OI)(CI)RX"),
        (str(directory.engine), "job:(OI)(CI)M"),
        (str(directory.output), "job:(OI)(CI)M"),
    }


def test_windows_takes_back_all_that_it_granted_when_the_attempt_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next job of the slot runs as the same user, and must not reach this one's files."""
    calls: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(isolation.subprocess, "run", run)
    monkeypatch.setattr(isolation, "session_user", lambda *_, **__: SimpleNamespace(user="job"))
    monkeypatch.setattr(isolation, "check_reach", lambda *_: None)
    directory = AttemptDirectory(tmp_path)
    config = Config(worker=WorkerConfig(session_user="job", work_dir=tmp_path))
    with isolation.isolated(directory, config):
        granted = {command[1] for command in calls if command[2] == "/grant"}
    assert len(granted) == 5
    assert {tuple(command[1:]) for command in calls if command[2] == "/remove:g"} == {
        (path, "/remove:g", "job") for path in granted
    }


@pytest.mark.skipif(os.name != "posix", reason="POSIX")
def test_the_session_user_of_this_machine_needs_sudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user.shutil, "which", lambda *_, **__: None)
    with pytest.raises(SessionUserError, match="needs sudo"):
        check_reach(PosixSessionUser("somebody-else", group="x"), tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="POSIX")
def test_the_refusal_of_sudo_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text("#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n")
    sudo.chmod(0o700)
    monkeypatch.setattr(user.shutil, "which", lambda *_, **__: str(sudo))
    with pytest.raises(SessionUserError, match="a password is required") as caught:
        check_reach(PosixSessionUser("somebody-else", group="x"), tmp_path)
    assert caught.value.transient


@pytest.mark.skipif(os.name != "posix", reason="POSIX")
@pytest.mark.parametrize("name", ["root\n", "no-such-user-4711", "-u"])
def test_an_unknown_user_is_refused(name: str) -> None:
    with pytest.raises(SessionUserError, match=r"worker\.session_user"):
        session_user(name)


@pytest.mark.skipif(os.name != "posix", reason="POSIX")
def test_only_a_plain_log_of_the_engine_is_kept(tmp_path: Path) -> None:
    """The session user can write into the engine's directory, but may not read this user's files."""
    secret, target = tmp_path / "secret", tmp_path / "kept.log"
    secret.write_text("secret")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(secret)
    (tmp_path / "hard link").hardlink_to(secret)
    for name in ("pipe", "link", "hard link", ".", "gone"):
        isolation._keep_log(tmp_path / name, target)
        assert not target.exists(), name
    (tmp_path / "plain").write_text("started")
    isolation._keep_log(tmp_path / "plain", target)
    assert target.read_text() == "started"


@pytest.mark.skipif(os.name != "posix", reason="POSIX")
def test_only_what_actions_need_is_open_to_the_group_of_the_session_user(tmp_path: Path) -> None:
    import grp

    directory = AttemptDirectory(tmp_path / "7.1")
    directory.create(AttemptRequest({"id": "7"}, {}, 1, "w"))
    for file in (directory.inputs, directory.session_config, directory.journal):
        file.write_text("secret")
        file.chmod(0o666)
    for folder in (directory.commands, directory.engine, directory.sessions):
        folder.mkdir(exist_ok=True)
    isolation._open_to_group(directory, grp.getgrgid(os.getgid()).gr_name)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (directory.path, *directory.path.iterdir())}
    opened = {
        directory.path: 0o710,
        directory.sessions: 0o710,
        directory.commands: 0o750,
        directory.engine: 0o2770,
        directory.output: 0o2770,
        directory.inputs: 0o640,
        directory.session_config: 0o640,
    }
    assert modes == {path: opened.get(path, 0o600) for path in modes}
    assert {directory.ledger, directory.session_log, directory.engine_log, directory.request_file} <= modes.keys()
