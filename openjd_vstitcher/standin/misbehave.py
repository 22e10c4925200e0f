"""Makes the stand-in fail in the ways an engine can, to test the rest of the project. Active on request only."""

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
"""A JSON object, or a list of objects: `{"what": "hang", "in": "RenderImageEx", "nth": 1, "once": "/tmp/flag"}`."""

_FOREVER_S = 10_000_000


@dataclass(frozen=True)
class Rule:
    """One misbehaviour.

    Parameters
    ----------
    what: see docs/standin.md.
    where: the call in which it happens; "" means at the start of the program, before the script.
    nth: at which call of that name, starting at 1; 0 means at every call.
    once: a flag file, created when the rule acts; the rule is off while it exists. "" means no such file.
    options: options of the misbehaviour itself.
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
    """Applies the rules of this process, and counts calls."""

    def __init__(self, rules: list[Rule]) -> None:
        self._rules = rules
        self._counts: Counter[str] = Counter()
        self._writing: Rule | None = None

    @classmethod
    def from_environment(cls) -> Misbehaviour:
        data = json.loads(os.environ.get(VARIABLE) or "[]")
        return cls([Rule.parse(rule) for rule in (data if isinstance(data, list) else [data])])

    def at_start(self) -> None:
        """Apply the rules for the start; called before the script or the plugins run."""
        self._act("")

    def at_call(self, name: str) -> None:
        """Apply the rules for a call; called at the beginning of each `BwApi` call."""
        if self._rules:
            self._counts[name] += 1
            self._act(name)

    def write(self, path: Path, content: bytes) -> None:
        """Write an output file, slowly or partly if a rule for the current call says so."""
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
    """Sleep while holding the GIL, so that no other thread of this process runs."""
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
    """Start a child that outlives this process, in a session of its own if `detach` is set."""
    child = subprocess.Popen(
        [sys.executable, "-c", f"import time; time.sleep({float(options.get('seconds', 600))})"],
        stdin=subprocess.DEVNULL,
        start_new_session=bool(options.get("detach")),
    )
    if options.get("pid_file"):
        Path(options["pid_file"]).write_text(str(child.pid), encoding="ascii")


def _print(options: dict[str, Any]) -> None:
    remaining = int(options.get("bytes", 1_000_000_000))
    line = b"x" * 4095 + b"\n"
    while remaining > 0:
        sys.stdout.buffer.write(line[-min(remaining, len(line)) :])
        remaining -= len(line)
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
