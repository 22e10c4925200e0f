"""Law 5: secrets are handed over, and are not in the environment that the system shows of a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from openjd_vstitcher import handover
from openjd_vstitcher.cli import _service, main
from openjd_vstitcher.errors import OpenjdVsError
from openjd_vstitcher.platform import adapters

LINUX = sys.platform == "linux"
BECOME_NOBODY = (
    "import ctypes, os; from openjd_vstitcher import handover; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
    "ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)\n"  # as if it had been started by that user
)
SECRET = "canary-4711"
RESTART = (
    "import os, sys; from openjd_vstitcher import handover\n"
    "handover.receive() or handover.restart_without_secrets(['ODD_NAME'])\n"
    "handover.make_unreadable()\n"
    "print(os.getpid(), os.environ['ODD_NAME'], os.environ['MY_TOKEN'], os.environ['PLAIN'], flush=True)\n"
    "sys.stdin.read()"
)


def _environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], **more}


def test_an_environment_is_split_by_names_values_and_what_is_named() -> None:
    given = {"PATH": "/bin", "DB_PASS": "x", "URL": "postgres://u:p@h/d", "ODD_NAME": "y"}
    plain, secrets = handover.split(given, ["ODD_NAME", ""])
    assert plain == {"PATH": "/bin"}
    assert secrets == {name: given[name] for name in ("DB_PASS", "URL", "ODD_NAME")}


@pytest.mark.skipif(not LINUX, reason="reads /proc")
def test_a_process_starts_again_without_its_secrets_and_still_has_them(tmp_path: Path) -> None:
    script = tmp_path / "service.py"
    script.write_text(RESTART)
    process = subprocess.Popen(
        [sys.executable, str(script)],
        env=_environment(ODD_NAME=SECRET, MY_TOKEN=SECRET + "x", PLAIN="p"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = process.stdout.readline().split()
    shown = Path(f"/proc/{process.pid}/environ").read_bytes()
    process.communicate("")
    assert said == [str(process.pid), SECRET, SECRET + "x", "p"]
    assert SECRET.encode() not in shown
    assert b"PLAIN=p" in shown


@pytest.mark.skipif(not LINUX or os.getuid() != 0, reason="starts processes as another user, which needs root")
def test_another_process_of_the_same_user_cannot_look_into_one_that_is_unreadable() -> None:
    hold = BECOME_NOBODY + "{}; print('ready', flush=True); import sys; sys.stdin.read()"
    look = BECOME_NOBODY + "import sys; print(open(sys.argv[1] + '/environ').read())"
    seen = {}
    for guard in ("handover.make_unreadable()", "pass"):
        process = subprocess.Popen(
            [sys.executable, "-c", hold.format(guard)],
            env=_environment(MY_TOKEN=SECRET),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        done = subprocess.run(
            [sys.executable, "-c", look, f"/proc/{process.pid}"],
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        process.communicate("")
        seen[guard] = (SECRET in done.stdout, "PermissionError" in done.stderr)
    assert seen["handover.make_unreadable()"] == (False, True)
    assert seen["pass"][0], "the test would not see a secret that is readable"


def test_secrets_that_did_not_arrive_completely_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.write(writing, handover.encode({"A": "b"})[:-2])
    os.close(writing)
    monkeypatch.setenv(handover.SECRETS_VARIABLE, str(reading))
    with pytest.raises(OpenjdVsError, match="not handed over completely"):
        handover.receive()
    assert handover.SECRETS_VARIABLE not in os.environ


@pytest.mark.parametrize("command", ["daemon", "run-job", "finish-job"])
@pytest.mark.parametrize("handed_over", [True, False])
def test_each_service_takes_its_secrets_and_guards_them_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, handed_over: bool
) -> None:
    called: list[str] = []

    def step(name: str, value: object = None) -> None:
        monkeypatch.setattr(handover, name, lambda *_: called.append(name) or value)

    for name, value in (("receive", handed_over), ("restart_without_secrets", None), ("make_unreadable", None)):
        step(name, value)
    monkeypatch.setattr(_service, "_log_without_secrets", lambda config, *, log_file: called.append("log"))
    monkeypatch.setattr(adapters, "open_platform", lambda *_: sys.exit(9))
    arguments = [] if command == "daemon" else [str(tmp_path)]
    result = CliRunner().invoke(main, [command, *arguments], obj=_service.COMMAND_LINE)
    assert result.exit_code == 9
    restarted = [] if handed_over else ["restart_without_secrets"]
    assert called == ["receive", *restarted, "make_unreadable", "log"]
