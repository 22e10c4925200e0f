"""The command that template steps run: its arguments, its messages, and how little it imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from openjd_vstitcher.engine.command import main
from openjd_vstitcher.failures import describe

SLOW_MODULES = {
    "argparse",
    "pathlib",
    "typing",
    "dataclasses",
    "logging",
    "tempfile",
    "subprocess",
    "asyncio",
    "ctypes",
}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected daemon start, run or stop"),
        (["daemon"], "expected daemon start, run or stop"),
        (["daemon", "dance"], "expected daemon start, run or stop"),
        (["daemon", "stop"], "needs --connection-file"),
        (["daemon", "stop", "--connection-file"], "--connection-file needs a value"),
        (["daemon", "stop", "--connection-file", ""], "needs --connection-file"),
        (["daemon", "stop", "--force", "x"], "does not accept --force"),
        (["daemon", "run", "extra"], "does not accept extra"),
        (
            ["daemon", "run", "--connection-file=c", "--run-data", "r", "--output-dir", "o", "--frame", "two"],
            "--frame is not a whole number: two",
        ),
    ],
)
def test_each_usage_error_has_its_own_message(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    *usage, failure = printed.out.splitlines()
    assert failure.startswith("openjd_fail: vstitcher-openjd: ")
    assert message in failure
    assert all(line.startswith("vstitcher: ") for line in usage)
    assert printed.err == ""


@pytest.mark.parametrize("where", ["--force\nopenjd_env: A=b", "\r\nopenjd_fail: x"])
def test_a_usage_error_cannot_break_out_of_its_line(where: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["daemon", "stop", where]) == 2
    assert not [
        line for line in capsys.readouterr().out.splitlines() if line.startswith(("openjd_env", "openjd_fail: x"))
    ]


def test_a_defect_is_told_without_breaking_the_protocol(tmp_path: Path) -> None:
    code = (
        "from unittest import mock; import sys; from openjd_vstitcher.engine import client, command\n"
        "sys.argv = ['x', 'daemon', 'run', '--connection-file=c', '--run-data=r', '--output-dir=o']\n"
        "with mock.patch.object(client, 'run', side_effect=RuntimeError('a\\nopenjd_env: A=b')):\n"
        "    command.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    *traceback, failure = done.stdout.splitlines()
    assert failure == "openjd_fail: vstitcher-openjd failed: RuntimeError: a\\nopenjd_env: A=b"
    assert all(line.startswith("vstitcher: ") for line in traceback)


def test_nothing_is_printed_raw_after_the_command_either() -> None:
    code = (
        "import atexit, sys; from openjd_vstitcher.engine import command\n"
        "sys.argv = ['x', 'daemon', 'stop', '--connection-file=none']\n"
        "atexit.register(lambda: sys.stderr.write('openjd_env: A=b\\n'))\n"
        "command.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("vstitcher: openjd_env: A=b\n", "")


def test_help_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "daemon start" in capsys.readouterr().out


def test_run_without_an_engine_fails_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_data = tmp_path / "run.json"
    run_data.write_text('{"export": {"output_file_name": "front.png"}, "mutations": []}', encoding="utf-8")
    file = tmp_path / "connection.json"
    code = main(
        ["daemon", "run", "--connection-file", str(file), "--run-data", f"file://{run_data}", "--output-dir", "o"]
    )
    out = capsys.readouterr().out
    assert code == 1
    assert out.startswith("openjd_fail: front.png failed in stage open: no engine is running")
    assert out.count("\n") == 1


def test_run_imports_only_what_it_needs(tmp_path: Path) -> None:
    arguments = ["daemon", "run", "--connection-file", str(tmp_path / "c"), "--run-data", "r", "--output-dir", "o"]
    code = (
        "import sys; before = set(sys.modules)\n"
        "from openjd_vstitcher.engine.command import main\n"
        f"main({arguments!r})\n"
        "sys.stderr.write(' '.join(set(sys.modules) - before))"
    )
    result = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, env=_path())
    imported = {name.split(".")[0] for name in result.stderr.split()}
    assert not imported & SLOW_MODULES
    assert imported <= sys.stdlib_module_names | {"openjd_vstitcher"}


def _path() -> dict[str, str]:
    return {"PYTHONPATH": str(Path(__file__).parents[2])}


def test_failure_is_one_line_with_all_details() -> None:
    line = describe(
        {
            "export": "front.png",
            "stage": "export",
            "message": "RenderImageEx('g1', '{...}') failed",
            "engine_error": "RenderImageEx returned error 10",
            "exit": "was killed by SIGKILL",
            "parameters": {"export_type": "MEDIA_RENDER", "dpi": 80},
            "log_tail": ["first", "", "last\twords"],
            "windows": ["Missing fonts: Futura [OK]"],
        }
    )
    assert "\n" not in line
    for part in ("front.png failed in stage export", "error 10", "SIGKILL", '"dpi": 80', "first | last", "Futura"):
        assert part in line
