"""The stand-in as a program: scripts, plugins in the GUI's main loop, misbehaviour on request."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from ..standin_api import TEE

PATIENCE_S = 30


def standin(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "openjd_vstitcher.standin", *map(str, arguments)]
    return subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def script(folder: Path, body: str) -> Path:
    path = folder / "script.py"
    path.write_text(textwrap.dedent(body), encoding="utf-8")
    return path


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, err


def eventually(condition: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.02)


def misbehaving(folder: Path, body: str = "", **rule: object) -> subprocess.Popen[str]:
    """Run a script that touches `begun`, calls `GarmentId`, writes `done`, and continues with the body."""
    start = f"""
        import BwApi, pathlib, sys
        here = pathlib.Path({str(folder)!r})
        (here / "begun").touch()
        BwApi.GarmentId()
        (here / "done").write_text(str(BwApi.GetLastError()))
    """
    path = script(folder, textwrap.dedent(start) + textwrap.dedent(body))
    return standin(path, OPENJD_VS_STANDIN_MISBEHAVE=json.dumps(rule))


def test_script_gets_its_arguments_and_its_folder(tmp_path):
    (tmp_path / "beside.py").write_text("NAME = 'beside'")
    path = script(tmp_path, "import sys, beside, BwApi; print(__name__, beside.NAME, sys.argv[1:], *BwApi.Version())")
    code, out, _ = finished(standin(path, "a b", "--c"))
    assert code == 0
    assert out.startswith("__main__ beside ['a b', '--c'] 3.")


def test_exit_code_is_the_scripts(tmp_path):
    assert finished(standin(script(tmp_path, "import sys; sys.exit(7)")))[0] == 7
    code, _, err = finished(standin(script(tmp_path, "raise RuntimeError('broken')")))
    assert code == 1
    assert "RuntimeError: broken" in err
    assert finished(standin(tmp_path / "none.py"))[0] == 2
    assert finished(standin())[0] == 2


def test_start_imports_nothing_heavy(tmp_path):
    path = script(tmp_path, "import sys, BwApi; print([m for m in sys.modules if m in %r])")
    heavy = ("mitsuba", "numpy", "trimesh", "ezdxf", "PIL", "zstandard")
    path.write_text(path.read_text() % (heavy,))
    assert finished(standin(path))[1].strip() == "[]"


def test_failed_call_is_logged(tmp_path):
    _, _, err = finished(standin(script(tmp_path, "import BwApi; BwApi.GarmentOpen('/none.bw')")))
    assert "standin: GarmentOpen: error 4: /none.bw" in err


def plugin(folder: Path, name: str, body: str) -> None:
    source = folder / name / "src"
    source.mkdir(parents=True)
    description = {"identifier": f"com.example.{name}", "name": name, "type": "python", "main": "src", "version": "1.0"}
    (folder / name / "plugin.json").write_text(json.dumps(description))
    (source / "__init__.py").write_text("from .work import BwApiPluginInit\n")
    (source / "work.py").write_text(textwrap.dedent(body))


WORK = """
    import BwApi, pathlib, threading

    HERE = pathlib.Path({here!r})

    class Events(BwApi.CallbackBase):
        def Run(self, garment_id, callback_id, data):
            (HERE / "initialized").write_text(BwApi.IdentifierGet())
            threading.Thread(target=ask, daemon=True).start()
            return 1

    class Session(BwApi.CallbackBase):
        def Run(self, garment_id, callback_id, data):
            assert threading.current_thread() is threading.main_thread()
            BwApi.GarmentOpen(data)
            g = BwApi.GarmentId()
            (HERE / "opened").write_text(str(len(BwApi.RulerIds(g))))
            {then}
            BwApi.ApplicationExit()
            return 1

    EVENTS, SESSION = Events(), Session()

    def ask():
        BwApi.UpdateSessionFunctionRequest_v2("com.example.good", 5, {tee!r})

    def BwApiPluginInit():
        BwApi.EventRegister(EVENTS, 1, BwApi.BW_API_EVENT_POST_INTIALIZE)
        BwApi.UpdateSessionFunctionSet_v2(SESSION)
        return 0x000e0030
"""


def test_gui_runs_plugins_and_their_requests_until_exit(tmp_path):
    plugins = tmp_path / "plugins"
    plugin(plugins, "broken", "raise ImportError('this one is broken')")
    plugin(plugins, "unwilling", "def BwApiPluginInit():\n    return 0\n")
    plugin(plugins, "good", WORK.format(here=str(tmp_path), tee=str(TEE), then="BwApi.GarmentClose(g, True)"))
    code, _, err = finished(standin("--gui", OPENJD_VS_STANDIN_PLUGINS=str(plugins)))
    assert code == 0, err
    assert "this one is broken" in err
    assert "BwApiPluginInit returned 0" in err
    assert (tmp_path / "initialized").exists()
    assert (tmp_path / "opened").read_text() == "12"


def test_exit_with_unsaved_changes_asks_in_a_modal_window(tmp_path):
    plugins, windows = tmp_path / "plugins", tmp_path / "windows.json"
    plugin(plugins, "good", WORK.format(here=str(tmp_path), tee=str(TEE), then="BwApi.ShapeDelete(g, 5)"))
    environment = {"OPENJD_VS_STANDIN_PLUGINS": str(plugins), "OPENJD_VS_STANDIN_WINDOWS": str(windows)}
    process = standin("--gui", **environment)
    eventually(windows.exists, process)
    (window,) = json.loads(windows.read_text())
    assert window["text"] == "Save changes to Crew Tee?"
    assert window["pid"] == process.pid
    assert window["modal"]
    (tmp_path / "windows.json.press").write_text("Don't save")
    assert finished(process)[0] == 0
    assert json.loads(windows.read_text()) == []


def test_popup_in_a_call_blocks_until_it_is_answered(tmp_path):
    windows = tmp_path / "windows.json"
    os.environ["OPENJD_VS_STANDIN_WINDOWS"] = str(windows)
    try:
        process = misbehaving(
            tmp_path,
            **{"what": "popup", "in": "GarmentId", "title": "Missing fonts", "text": "Futura", "buttons": ["OK"]},
        )
    finally:
        del os.environ["OPENJD_VS_STANDIN_WINDOWS"]
    eventually(windows.exists, process)
    assert json.loads(windows.read_text())[0]["title"] == "Missing fonts"
    assert not (tmp_path / "done").exists()
    (tmp_path / "windows.json.press").write_text("Cancel")
    eventually(lambda: not (tmp_path / "windows.json.press").exists(), process)
    assert not (tmp_path / "done").exists()
    (tmp_path / "windows.json.press").write_text("OK")
    assert finished(process)[0] == 0
    assert (tmp_path / "done").read_text() == "0"


@pytest.mark.parametrize("what", ["fail_to_start", "exit"])
def test_ends_with_an_exit_code(tmp_path, what):
    assert finished(misbehaving(tmp_path, what=what, code=9))[0] == 9
    assert not (tmp_path / "begun").exists()


def test_ends_with_an_exit_code_in_a_call(tmp_path):
    assert finished(misbehaving(tmp_path, **{"what": "exit", "in": "GarmentId"}))[0] == 3
    assert (tmp_path / "begun").exists()
    assert not (tmp_path / "done").exists()


SEGMENTATION_FAULT, ABORTED = (11, 3) if os.name == "nt" else (-signal.SIGSEGV, -signal.SIGABRT)


@pytest.mark.parametrize(("how", "code"), [("segv", SEGMENTATION_FAULT), ("abort", ABORTED)])
def test_crash(tmp_path, how, code):
    assert finished(misbehaving(tmp_path, **{"what": "crash", "in": "GarmentId", "how": how}))[0] == code


def test_slow_start(tmp_path):
    begin = time.monotonic()
    assert finished(misbehaving(tmp_path, what="slow", seconds=0.6))[0] == 0
    assert time.monotonic() - begin > 0.6


TICKER = """
        import threading, time
        def tick():
            count = 0
            while True:
                count += 1
                (here / "ticks").write_text(str(count))
                time.sleep(0.01)
        threading.Thread(target=tick, daemon=True).start()
        BwApi.Version()
"""


def ticks(folder: Path) -> str:
    path = folder / "ticks"
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize("what", ["hang", "busy"])
def test_hanging_and_busy_calls_leave_other_threads_running(tmp_path, what):
    process = misbehaving(tmp_path, TICKER, **{"what": what, "in": "Version"})
    try:
        eventually(lambda: ticks(tmp_path) not in ("", "1"), process)
        before = ticks(tmp_path)
        eventually(lambda: ticks(tmp_path) not in ("", before), process)
        used = psutil.Process(process.pid)
        start = used.cpu_times().user
        if what == "busy":
            eventually(lambda: used.cpu_times().user > start + 0.1, process)
    finally:
        process.kill()
        finished(process)


def test_blocking_call_stops_every_thread(tmp_path):
    process = misbehaving(tmp_path, TICKER, **{"what": "block", "in": "Version", "seconds": 1.5})
    process.wait(PATIENCE_S)
    finished(process)
    assert int(ticks(tmp_path) or 0) < 20


def test_rule_with_once_acts_in_the_first_process_only(tmp_path):
    rule = {"what": "exit", "once": str(tmp_path / "flag")}
    assert [finished(misbehaving(tmp_path, **rule))[0] for _ in range(2)] == [3, 0]


def test_nth_call_and_every_call(tmp_path):
    calls = script(
        tmp_path,
        """
        import BwApi
        for number in range(4):
            BwApi.GarmentId()
            print("call", number)
        """,
    )
    third = json.dumps({"what": "exit", "in": "GarmentId", "nth": 3})
    code, out, _ = finished(standin(calls, OPENJD_VS_STANDIN_MISBEHAVE=third))
    assert (code, out.count("call")) == (3, 2)
    each = json.dumps([{"what": "slow", "in": "GarmentId", "nth": 0, "seconds": 0.01}])
    code, _, err = finished(standin(calls, OPENJD_VS_STANDIN_MISBEHAVE=each))
    assert (code, err.count("misbehaving: slow in GarmentId")) == (0, 4)


def test_large_output(tmp_path):
    code, out, _ = finished(misbehaving(tmp_path, **{"what": "print", "in": "GarmentId", "bytes": 1_000_000}))
    assert (code, len(out)) == (0, 1_000_000)


@pytest.mark.parametrize("detach", [False, True])
def test_leaked_child_outlives_the_program(tmp_path, detach):
    pid_file = tmp_path / "pid"
    rule = {"what": "leak_child", "in": "GarmentId", "detach": detach, "pid_file": str(pid_file), "seconds": 60}
    process = misbehaving(tmp_path, **rule)
    process.wait(PATIENCE_S)
    child = psutil.Process(int(pid_file.read_text()))
    try:
        assert child.is_running()
        if os.name != "nt":
            assert (os.getsid(child.pid) == child.pid) == detach
    finally:
        child.kill()
        process.communicate(timeout=PATIENCE_S)


EXPORT = f"""
        import json
        BwApi.GarmentOpen({str(TEE)!r})
        g = BwApi.GarmentId()
        target = here / "x.glb"
        options = {{"3d_format": "gltf", "path": str(target)}}
        BwApi.RenderExport3DObject(g, json.dumps(options))
        print(BwApi.GetLastError())
"""


def test_half_file_fails_the_call(tmp_path):
    code, out, err = finished(misbehaving(tmp_path, EXPORT, **{"what": "half_file", "in": "RenderExport3DObject"}))
    assert (code, out.strip()) == (0, "5")
    assert "no space left on device" in err
    content = (tmp_path / "x.glb").read_bytes()
    assert 1000 < len(content) < int.from_bytes(content[8:12], "little")


def test_file_is_written_in_pieces(tmp_path):
    rule = {"what": "slow_write", "in": "RenderExport3DObject", "pieces": 10, "seconds": 1.0}
    process = misbehaving(tmp_path, EXPORT, **rule)
    target, sizes = tmp_path / "x.glb", set()

    def several() -> bool:
        if target.exists():
            sizes.add(target.stat().st_size)
        return len(sizes) > 3

    eventually(several, process)
    assert finished(process)[1].strip() == "0"
    content = target.read_bytes()
    assert len(content) == int.from_bytes(content[8:12], "little")


def test_unknown_misbehaviour_is_refused(tmp_path):
    code, _, err = finished(misbehaving(tmp_path, what="dance"))
    assert code == 1
    assert "unknown misbehaviour 'dance'" in err
