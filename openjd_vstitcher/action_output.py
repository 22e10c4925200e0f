"""Prints what actions say: each call is one line, which OpenJD reads as exactly what was meant.

The standard output of an action is a protocol, and OpenJD merges standard error into it. So every line is a protocol
message or starts with a fixed prefix, and text from inputs and engines can neither start a line nor break one. Imports
little, because a command that starts for every frame uses it.
"""

from __future__ import annotations

import io
import json
import math
import re
import sys
from _thread import RLock
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, BinaryIO

EVENT_PREFIX = "vstitcher_event: "
"""Starts a line that holds a fact for the journal, as a JSON object whose `event` is its name."""
PLAIN_PREFIX = "vstitcher: "
"""Starts a line that is only for people who read the log."""
MACHINE_FAULT = 75
"""The machine or its own storage is to blame, and another try can succeed: its disk is full, its storage is away.

EX_TEMPFAIL of BSD's `sysexits.h`. The failure message then starts with `machine: `.
"""
MOST_BYTES = 4096
"""The most bytes of a line with its line break: Linux writes as many to a pipe at once, so lines never mix."""

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Control characters, line and paragraph separators, text direction marks, byte order marks, lone surrogates."""
_NAMED = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
_CUT = "…"
_EVENT_LIMITS = (2000, 500, 100, 20)
_DEEPEST = 12
_MOST_BITS = 1024

_lock = RLock()
_stdout: BinaryIO | None = None


def progress(percent: float) -> None:
    """Report how much of the action is done.

    Parameters
    ----------
    percent: 0 to 100; other values are clamped, NaN prints nothing.
    """
    if not math.isnan(percent):
        _print("openjd_progress: ", f"{min(max(percent, 0.0), 100.0):.1f}")


def status(text: str) -> None:
    """Report what the action is doing. An empty text prints nothing."""
    if text:
        _print("openjd_status: ", text)


def fail(text: str) -> None:
    """Report why the action fails. The exit code must say so too."""
    _print("openjd_fail: ", text or "failed without a message")


def event(fields: Mapping[str, Any]) -> None:
    """Report a fact for the journal. If it does not fit in a line, long texts and lists are cut, then fields dropped.

    Parameters
    ----------
    fields: JSON data; `event` is the name of the fact.
    """
    _print(EVENT_PREFIX, event_json(fields))


def say(text: str) -> None:
    """Print a line for the people who read the log."""
    _print(PLAIN_PREFIX, text)


def escaped(text: str) -> str:
    """The text with every character that could break a line or disguise the text replaced by its escape."""
    return _UNSAFE.sub(_escape, text)


def fitted(text: str, most_bytes: int) -> str:
    """The text cut to a number of bytes in UTF-8. A text that was cut ends in `…`."""
    data = text.encode("utf-8")
    if len(data) <= most_bytes:
        return text
    return data[: most_bytes - len(_CUT.encode())].decode("utf-8", "ignore") + _CUT


def event_json(fields: Mapping[str, Any]) -> str:
    """The fields as JSON in ASCII that fits in one line with `EVENT_PREFIX`."""
    room = MOST_BYTES - len(EVENT_PREFIX) - 1
    text = ""
    for limit in (None, *_EVENT_LIMITS):
        plain = _plain(fields, limit)
        text = _json(plain)
        if len(text) <= room:
            return text
    name = _plain(str(fields.get("event", "")), _EVENT_LIMITS[-1])
    kept = {key: value for key, value in plain.items() if key != "event"}
    while len(text) > room:
        del kept[max(kept, key=lambda key: len(_json(kept[key])))]
        text = _json({"event": name, **kept})
    return text


@contextmanager
def guarded(failure: str, *, until_exit: bool = False) -> Iterator[None]:
    """Within this block, everything that any code prints becomes lines of `say`.

    An unhandled exception is printed with its traceback and as the failure of the action, and becomes `SystemExit(1)`.

    Parameters
    ----------
    failure: the beginning of the failure message, such as "staging failed".
    until_exit: go on after the block, where threads that outlive it and the interpreter itself may print.
    """
    global _stdout
    before = (sys.stdout, sys.stderr, _stdout)
    with _lock:
        _stdout = _stdout or _binary(sys.stdout)
    sys.stdout, sys.stderr = _Lines(), _Lines()
    try:
        yield
    except Exception as error:  # noqa: BLE001  # a raw traceback must not reach the protocol
        import traceback

        for line in "".join(traceback.format_exception(error)).split("\n"):
            if line:
                say(line)
        fail(f"{failure}: {type(error).__name__}: {error}")
        raise SystemExit(1) from None
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        if not until_exit:
            with _lock:
                sys.stdout, sys.stderr, _stdout = before


@contextmanager
def printing_to(stream: BinaryIO) -> Iterator[None]:
    """Within this block, lines go to a stream instead of the standard output."""
    global _stdout
    with _lock:
        before, _stdout = _stdout, stream
    try:
        yield
    finally:
        with _lock:
            _stdout = before


class _Lines(io.TextIOBase):
    """A text stream that passes its lines to `say`."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self) -> None:
        self._begun = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        with _lock:
            *lines, self._begun = (self._begun + text).split("\n")
            for line in lines:
                say(line)
            if len(self._begun) > MOST_BYTES:
                self.flush()
        return len(text)

    def flush(self) -> None:
        with _lock:
            line, self._begun = self._begun, ""
            if line:
                say(line)


def _print(prefix: str, text: str) -> None:
    line = (prefix + fitted(escaped(text), MOST_BYTES - len(prefix) - 1) + "\n").encode("utf-8")
    with _lock:
        stream = _stdout or _binary(sys.stdout)
        try:
            stream.write(line)
            stream.flush()
        except OSError:
            return  # the reader is gone; the exit code still reaches it


def _binary(stream: Any) -> BinaryIO:
    stream.flush()
    binary: BinaryIO = stream.buffer
    return binary


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    return _NAMED.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True).replace("\x7f", "\\u007f")


def _plain(value: Any, limit: int | None, depth: int = 0) -> Any:
    """A copy that JSON can hold, with texts and lists of at most `limit` characters and items."""
    if isinstance(value, str):
        return value if limit is None or len(value) <= limit else value[: limit - 1] + _CUT
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int)):
        return value if value is None or value.bit_length() <= _MOST_BITS else _CUT
    if depth >= _DEEPEST:
        return _CUT
    if isinstance(value, dict):
        return {_plain(str(key), limit): _plain(item, limit, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, limit, depth + 1) for item in value[:limit]]
    return _plain(str(value), limit)
