"""Law 5: no secret is where the system shows the environment of the daemon, an attempt or its session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from openjd_vstitcher.attempt.lock import holder
from openjd_vstitcher.journal import read_journal
from tests.farm import CONFIG, Farm, farm, hang_once, python, wait_until

__all__ = ["farm", "python"]

CANARY = "canary-4711"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def _secret_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DB_PASS", "MY_TOKEN", "AWS_SECRET_ACCESS_KEY", "ODD_NAME"):
        monkeypatch.setenv(name, f"{CANARY}-{name}")


def _shown(process: psutil.Process) -> bytes:
    """The environment that the system shows of a process, and those of its descendants."""
    return b"".join(Path(f"/proc/{p.pid}/environ").read_bytes() for p in [process, *process.children(recursive=True)])


def test_neither_daemon_nor_attempt_nor_engine_shows_a_secret(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    farm.configure(CONFIG.replace("[platform]", '[platform]\ncredential_variable = "ODD_NAME"'))
    _secret_environment(monkeypatch)
    job_id, daemon = farm.hanging_daemon(monkeypatch)
    attempt = holder(farm.directory(job_id))
    assert attempt is not None
    shown = {name: _shown(psutil.Process(pid)) for name, pid in (("daemon", daemon.pid), ("attempt", attempt.pid))}
    engines = farm.engines()
    shown["engine"] = b"".join(map(_shown, engines))
    assert engines
    assert CANARY.encode() not in b"".join(shown.values())
    assert b"OPENJD_VS_STANDIN" in shown["daemon"]
    daemon.kill()
    output, _ = daemon.communicate()
    attempt.kill()
    assert CANARY not in output
    files = [file for file in farm.directory(job_id).path.rglob("*") if file.is_file()]
    assert not [file for file in files if CANARY.encode() in file.read_bytes()]


def _env(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        return {}


@pytest.mark.slow
def test_attempts_still_have_the_secrets_that_they_need(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    _secret_environment(monkeypatch)
    show = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[0] + '.seen', 'w'))"
    spy = farm.folder / "python"
    spy.write_text(
        f"#!{sys.executable}\n"
        "import os, sys\n"
        "from openjd_vstitcher import handover\n"
        "begun = dict(os.environ)\n"
        f"sys.argv[0] = {str(spy)!r}\n"
        "handover.receive()\n" + show + "\n"
        "json.dump(begun, open(sys.argv[0] + '.begun', 'w'))\n"
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])\n"
    )
    spy.chmod(0o700)
    monkeypatch.setattr("openjd_vstitcher.daemon.process.sys.executable", str(spy))
    farm.submit()
    farm.work()
    seen, begun = (json.loads(Path(f"{spy}.{what}").read_text()) for what in ("seen", "begun"))
    assert seen["DB_PASS"] == f"{CANARY}-DB_PASS"
    assert CANARY not in json.dumps({name: value for name, value in begun.items() if name != "ODD_NAME"})


@pytest.mark.slow
def test_a_session_sees_no_variable_that_is_not_known_to_be_harmless(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine is the process that lives longest in a session, and the one that a garment could take over."""
    _secret_environment(monkeypatch)
    monkeypatch.setenv("ANYTHING_ELSE", "x")
    monkeypatch.setenv("STUDIO_SHOW", "y")
    farm.configure(CONFIG.replace('id = "w"', 'id = "w"\npass_environment = ["STUDIO_*"]'))
    flag = hang_once(farm, monkeypatch)
    job_id = farm.submit()
    worker = threading.Thread(target=farm.work)
    worker.start()
    wait_until(flag.exists)
    attempt = holder(farm.directory(job_id))
    assert attempt is not None
    known = [_env(p) for p in psutil.process_iter()]
    inside = [e for e in known if "OPENJD_VS_LIFELINE" in e and str(farm.folder) in e.get("OPENJD_VS_CONFIG", "")]
    assert inside
    assert all("ANYTHING_ELSE" not in e and "ODD_NAME" not in e and e["STUDIO_SHOW"] == "y" for e in inside)
    farm.platform.request_cancel(job_id)
    worker.join(60)
    assert [e for e in read_journal(farm.directory(job_id).journal) if e.name == "job_ended"]


def test_a_secret_on_the_last_line_of_a_process_log_is_not_told(farm: Farm, python: Callable[[str], None]) -> None:
    python("echo 'connecting to https://user:canary-4711@host/ with token=canary-4711'; kill -9 $$")
    job_id = farm.submit()
    farm.work(poll_s=0.1)
    wait_until(lambda: farm.job(job_id).status != "IN_PROGRESS")
    details = farm.job(job_id).status_details or ""
    assert "with token=[redacted]" in details
    assert CANARY not in details


def test_an_unexpected_end_of_a_service_is_logged_without_secrets(tmp_path: Path) -> None:
    code = (
        "import sys; from unittest import mock; from openjd_vstitcher.cli import main\n"
        "error = RuntimeError('postgres://u:canary-4711@host refused it')\n"
        "with mock.patch('openjd_vstitcher.platform.adapters.open_platform', side_effect=error):\n"
        "    sys.argv = ['x', 'daemon']; main()"
    )
    script = tmp_path / "x.py"
    script.write_text(code)
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert CANARY not in done.stderr
