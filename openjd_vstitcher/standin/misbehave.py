"""Ways in which an engine goes wrong, on request: how the rest of the project tests itself. Never active by itself."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .windows import show_modal

VARIABLE = "OPENJD_VS_STANDIN_MISBEHAVE"
"""JSON object, or a list of them: `{"what": "hang", "in": "RenderImageEx", "nth": 1, "once": "/tmp/flag"}`."""

_FOREVER_S = 10_000_000


@dataclass(frozen=True)
class Rule:
    """One misbehaviour.

    Parameters
    ----------
    what: see docs/standin.md.
    where: the call it happens in; "" is the start of the program, before the script.
    nth: at which call of that name, from 1; 0 is each.
    once: a file; the rule is off when it exists, and it is made when the rule acts. "" for always.
    options: what the misbehaviour itself needs.
    """

    what: str
    where: str = ""
    nth: int = 1
    once: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: dict[str, Any]) -> Rule:
        known = {"what", "in", "nth", "once"}
        if data["what"] not in _ACTIONS and data["what"] not in ("slow_write", "half_file"):
            raise ValueError(f"unknown misbehaviour {data['what']!r}")
        return cls(
            str(data["what"]),
            str(data.get("in", "")),
            int(data.get("nth", 1)),
            str(data.get("once", "")),
            {key: value for key, value in data.items() if key not in known},
        )


class Misbehaviour:
    """The rules of this process, and how often each call was made."""

    def __init__(self, rules: list[Rule]) -> None:
        self._rules = rules
        self._counts: Counter[str] = Counter()
        self._writing: Rule | None = None

    @classmethod
    def from_environment(cls) -> Misbehaviour:
        data = json.loads(os.environ.get(VARIABLE) or "[]")
        return cls([Rule.parse(rule) for rule in (data if isinstance(data, list) else [data])])

    def at_start(self) -> None:
        """Called before the script or the plugins run."""
        self._act("")

    def at_call(self, name: str) -> None:
        """Called at the beginning of each call of `BwApi`."""
        if self._rules:
            self._counts[name] += 1
            self._act(name)

    def write(self, path: Path, content: bytes) -> None:
        """Write an output file: at once, or as the rule that the current call met says."""
        rule, self._writing = self._writing, None
        if rule is None:
            path.write_bytes(content)
        elif rule.what == "half_file":
            path.write_bytes(content[: len(content) // 2])
            raise OSError("no space left on device")
        else:
            pieces = max(int(rule.options.get("pieces", 8)), 1)
            size = -(-len(content) // pieces)
            with path.open("wb") as file:
                for start in range(0, len(content), size):
                    file.write(content[start : start + size])
                    file.flush()
                    time.sleep(float(rule.options.get("seconds", 4.0)) / pieces)

    def _act(self, name: str) -> None:
        self._writing = None
        for rule in self._rules:
            if rule.where != name or (name and rule.nth not in (0, self._counts[name])):
                continue
            if rule.once:
                if Path(rule.once).exists():
                    continue
                Path(rule.once).touch()
            sys.stderr.write(f"standin: misbehaving: {rule.what} in {name or 'the start'}\n")
            sys.stderr.flush()
            if rule.what in ("slow_write", "half_file"):
                self._writing = rule
            else:
                _ACTIONS[rule.what](rule.options)


def _slow(options: dict[str, Any]) -> None:
    time.sleep(float(options.get("seconds", 5.0)))


def _hang(options: dict[str, Any]) -> None:
    time.sleep(float(options.get("seconds", _FOREVER_S)))


def _block(options: dict[str, Any]) -> None:
    """Sleep while holding the interpreter's lock: no other thread of this process runs."""
    milliseconds = int(float(options.get("seconds", 100_000)) * 1000)
    if os.name == "nt":
        ctypes.PyDLL("kernel32").Sleep(milliseconds)
        return
    library = ctypes.PyDLL(None)
    deadline = time.monotonic() + milliseconds / 1000
    while time.monotonic() < deadline:
        library.usleep(min(milliseconds, 1000) * 1000)


def _busy(options: dict[str, Any]) -> None:
    deadline = time.monotonic() + float(options.get("seconds", _FOREVER_S))
    while time.monotonic() < deadline:
        sum(range(10_000))


def _crash(options: dict[str, Any]) -> None:
    if options.get("how") == "abort":
        os.abort()
    os.kill(os.getpid(), getattr(signal, "SIGSEGV", signal.SIGTERM))


def _exit(options: dict[str, Any]) -> None:
    sys.stdout.flush()
    os._exit(int(options.get("code", 3)))


def _leak(options: dict[str, Any]) -> None:
    """Start a child that outlives this process; with `detach` it leaves the session, too."""
    child = subprocess.Popen(
        [sys.executable, "-c", f"import time; time.sleep({float(options.get('seconds', 600))})"],
        stdin=subprocess.DEVNULL,
        start_new_session=bool(options.get("detach")),
    )
    if options.get("pid_file"):
        Path(options["pid_file"]).write_text(str(child.pid), encoding="ascii")


def _print(options: dict[str, Any]) -> None:
    left = int(options.get("bytes", 1_000_000_000))
    line = b"x" * 4095 + b"\n"
    while left > 0:
        sys.stdout.buffer.write(line[-min(left, len(line)) :])
        left -= len(line)
    sys.stdout.flush()


def _popup(options: dict[str, Any]) -> None:
    show_modal(
        str(options.get("title", "Missing fonts")),
        str(options.get("text", "Some fonts of this garment are missing.")),
        [str(button) for button in options.get("buttons", ["OK"])],
    )


_ACTIONS: dict[str, Callable[[dict[str, Any]], None]] = {
    "fail_to_start": _exit,
    "exit": _exit,
    "slow": _slow,
    "hang": _hang,
    "block": _block,
    "busy": _busy,
    "crash": _crash,
    "leak_child": _leak,
    "print": _print,
    "popup": _popup,
}
