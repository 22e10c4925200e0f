"""The daemon as a service: what it tells the service manager, and what is installed for it."""

from __future__ import annotations

import os
import plistlib
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from openjd_vstitcher.cli import main
from openjd_vstitcher.config import load_config
from openjd_vstitcher.daemon.service import service
from openjd_vstitcher.daemon.service_files import launchd_job, systemd_unit
from openjd_vstitcher.errors import OpenjdVsError

CONFIG = """
[platform]
path = "queue/platform.sqlite"
[storage.local]
root = "storage"
[worker]
work_dir = "jobs"
[inputs]
cache_dir = "cache"
"""


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    file = tmp_path / "c.toml"
    file.write_text(CONFIG)
    return file


class Manager:
    """The end of a service manager: takes the messages of a daemon."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))

    def next(self, wanted: str, within_s: float = 60.0) -> str:
        """The next message that begins like this."""
        self._socket.settimeout(within_s)
        while not (message := self._socket.recv(4096).decode()).startswith(wanted):
            pass
        return message

    def silent(self, for_s: float) -> bool:
        """Whether nothing new arrives for a while."""
        self._socket.setblocking(False)
        try:
            while True:
                self._socket.recv(4096)
        except BlockingIOError:
            pass
        self._socket.settimeout(for_s)
        try:
            self._socket.recv(4096)
        except TimeoutError:
            return True
        return False

    def close(self) -> None:
        self._socket.close()


@contextmanager
def daemon(config_file: Path, manager: Manager, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "openjd_vstitcher.cli", "daemon", "--config", str(config_file)]
    given = {**os.environ, "NOTIFY_SOCKET": str(manager.path), **environment}
    process = subprocess.Popen(command, env=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        manager.close()


@pytest.mark.skipif(sys.platform == "win32", reason="systemd")
def test_the_manager_hears_that_the_daemon_is_ready_alive_and_stopping(tmp_path: Path, config_file: Path) -> None:
    manager = Manager(tmp_path)
    with daemon(config_file, manager, WATCHDOG_USEC="3000000", HASURA_SECRET="makes it start itself again") as process:
        manager.next("READY=1")
        manager.next("WATCHDOG=1")
        manager.next("WATCHDOG=1")
        process.terminate()
        assert "no job is running" in manager.next("STOPPING=1")
        assert process.wait(30) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="systemd")
@pytest.mark.slow
def test_a_daemon_whose_loop_stands_still_gives_no_sign_of_life(tmp_path: Path, config_file: Path) -> None:
    manager = Manager(tmp_path)
    with daemon(config_file, manager, WATCHDOG_USEC="3000000") as process:
        manager.next("WATCHDOG=1")
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.2)
        assert manager.silent(for_s=8)


def test_a_unit_is_accepted_by_systemd(tmp_path: Path, config_file: Path) -> None:
    unit = tmp_path / "openjd-vs.service"
    unit.write_text(systemd_unit(load_config(config_file), [sys.executable, "-m", "a b", "100%", "$HOME"], user="root"))
    written = [line for line in unit.read_text().splitlines() if line.startswith("ReadWritePaths=")]
    assert f"ReadWritePaths={tmp_path / 'jobs'}" in written
    assert f"ReadWritePaths={tmp_path / 'queue'}" in written
    assert f'ExecStart={sys.executable} -m "a b" 100%% $$HOME' in unit.read_text()
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not there to check the unit")
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_session_user_keeps_the_privileges_that_sudo_needs(config_file: Path) -> None:
    config_file.write_text(CONFIG.replace('work_dir = "jobs"', 'work_dir = "jobs"\nsession_user = "vsjob"'))
    unit = systemd_unit(load_config(config_file), ["x"], user="worker")
    assert "NoNewPrivileges" not in unit
    assert "CapabilityBoundingSet" not in unit


def test_a_launch_agent_leaves_running_attempts_alone(tmp_path: Path) -> None:
    job = plistlib.loads(launchd_job(["openjd-vs", "daemon"], log=tmp_path / "service.log").encode())
    assert job["ProgramArguments"] == ["openjd-vs", "daemon"]
    assert job["AbandonProcessGroup"] is True
    assert job["KeepAlive"] == {"SuccessfulExit": False}


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A systemctl that writes down how it is called."""
    calls = tmp_path / "calls"
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return calls


@pytest.mark.skipif(sys.platform != "linux", reason="systemd")
def test_it_is_installed_for_the_user_and_removed(tmp_path: Path, config_file: Path, systemctl: Path) -> None:
    unit = tmp_path / "config" / "systemd" / "user" / "openjd-vs.service"
    done = CliRunner().invoke(main, ["service", "install", "--user", "--config", str(config_file)])
    assert (done.exit_code, done.output) == (0, f"installed {unit}, and started it\n")
    assert f"daemon --config {config_file}" in unit.read_text()
    assert (tmp_path / "jobs").is_dir()
    assert systemctl.read_text().splitlines() == [
        "--user daemon-reload",
        "--user enable openjd-vs.service",
        "--user restart openjd-vs.service",
    ]
    assert CliRunner().invoke(main, ["service", "uninstall", "--user"]).output == f"removed {unit}\n"
    assert systemctl.read_text().splitlines()[-1] == "--user disable --now openjd-vs.service"
    assert not unit.exists()
    assert CliRunner().invoke(main, ["service", "uninstall", "--user"]).output == f"there is no {unit}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="systemd")
def test_what_would_be_installed_can_be_read_first(tmp_path: Path, config_file: Path, systemctl: Path) -> None:
    done = CliRunner().invoke(main, ["service", "install", "--print", "--user", "--config", str(config_file)])
    assert done.output.startswith("[Unit]\n")
    assert not (tmp_path / "config").exists()
    assert not systemctl.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="systemd")
def test_a_manager_that_refuses_is_quoted(tmp_path: Path, config_file: Path, systemctl: Path) -> None:
    (tmp_path / "bin" / "systemctl").write_text("#!/bin/sh\necho 'no bus' >&2\nexit 1\n")
    done = CliRunner().invoke(main, ["service", "install", "--user", "--config", str(config_file)])
    assert done.exit_code == 1
    assert "systemctl --user daemon-reload failed: no bus" in done.output


def test_a_system_without_support_says_what_to_do_instead(config_file: Path) -> None:
    with pytest.raises(OpenjdVsError, match="not supported yet; have its scheduler start `openjd-vs daemon`"):
        service(load_config(config_file), for_user=False, platform="win32")
