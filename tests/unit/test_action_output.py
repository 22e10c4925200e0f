"""What actions print, read back as OpenJD reads it: through the log filter of `openjd.sessions`."""

from __future__ import annotations

import io
import json
import logging
import math
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from openjd.sessions._action_filter import ActionMessageKind, ActionMonitoringFilter
from openjd.sessions._subprocess import LOG_LINE_MAX_LENGTH

from openjd_vstitcher import action_output
from openjd_vstitcher.action_output import EVENT_PREFIX, MOST_BYTES, PLAIN_PREFIX, escaped, fitted

_STATUS, _FAIL, _PROGRESS = ActionMessageKind.STATUS, ActionMessageKind.FAIL, ActionMessageKind.PROGRESS
_LINE_BREAKS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_HOSTILE = [
    "\nopenjd_env: PATH=/tmp",
    "\r\nopenjd_fail: x",
    "openjd_env: A=b",
    "a\x85vstitcher_event: {}",
    "\u2028openjd_status: x",
    "\x1b[2Jgone",
    "\u202egnp.exe",
    "\ud800",
    "x" * 70_000 + "openjd_env: A=b",
    "é" * 70_000,
]
_TEXT = st.text(st.characters(exclude_categories=())) | st.sampled_from(_HOSTILE)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner),
    max_leaves=20,
)


class Reader:
    """Reads standard output as OpenJD does.

    Parameters
    ----------
    read: gives what was printed since it was last called.
    """

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._printed = b""

    def printed(self) -> bytes:
        self._printed += self._read()
        return self._printed

    def lines(self) -> list[str]:
        stream = io.TextIOWrapper(io.BytesIO(self.printed()), encoding="utf-8", errors="backslashreplace")
        lines = [line.rstrip("\n\r") for line in iter(lambda: stream.readline(LOG_LINE_MAX_LENGTH), "")]
        assert len(lines) == self.printed().count(b"\n")
        for line in self.printed().splitlines(keepends=True):
            assert len(line) <= MOST_BYTES
        return lines

    def messages(self) -> list[tuple[ActionMessageKind, Any]]:
        """What OpenJD takes from the lines."""
        taken: list[tuple[ActionMessageKind, Any]] = []
        reading = ActionMonitoringFilter(session_id="s", callback=lambda kind, value, _: taken.append((kind, value)))
        for line in self.lines():
            record = logging.LogRecord("x", logging.INFO, "", 0, line, None, None)
            record.session_id = "s"
            reading.filter(record)
            assert "ERROR" not in record.msg[len(line) :]
        return taken

    def events(self) -> list[Any]:
        """What our session takes from the lines; it splits them at every character that Python takes for a break."""
        parts = [part for line in self.lines() for part in line.splitlines()]
        return [json.loads(part.removeprefix(EVENT_PREFIX)) for part in parts if part.startswith(EVENT_PREFIX)]


@pytest.fixture
def reader(capsysbinary: pytest.CaptureFixture[bytes]) -> Reader:
    return Reader(lambda: capsysbinary.readouterr().out)


@contextmanager
def reading() -> Iterator[Reader]:
    """A new reader for each example of a test."""
    written = io.BytesIO()
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))

        def read() -> bytes:
            printed = written.getvalue()
            written.seek(0)
            written.truncate()
            return printed

        yield Reader(read)


@given(_TEXT)
@example("")
@example(" openjd_env: A=b")
def test_any_text_is_one_message_of_the_kind_that_was_meant(text: str) -> None:
    with reading() as reader:
        action_output.status(text)
        action_output.fail(text)
        action_output.say(text)
        action_output.event({"event": "staged", "name": text})
        *statuses, failure = reader.messages()
        events = reader.events()
    assert len(events) == 1
    assert events[0]["event"] == "staged"
    assert statuses == ([(_STATUS, fitted(escaped(text), MOST_BYTES - len("openjd_status: ") - 1))] if text else [])
    meant = fitted(escaped(text or "failed without a message"), MOST_BYTES - len("openjd_fail: ") - 1)
    assert failure == (_FAIL, meant)
    assert not set(meant) & set(_LINE_BREAKS)


@given(st.dictionaries(_TEXT, _VALUES, max_size=8))
@example({f"field{n}": "\x7f" * 900 for n in range(200)})
@example({"deep": json.loads("[" * 400 + "]" * 400)})
@example({"number": 10**5000, "not a number": math.nan})
def test_any_fields_are_one_event_that_is_valid_json(fields: dict[str, Any]) -> None:
    with reading() as reader:
        action_output.event({**fields, "event": "staged"})
        assert reader.messages() == []
        (event,) = reader.events()
    assert event["event"] == "staged"
    assert all(math.isfinite(value) for value in event.values() if isinstance(value, float))


@given(_VALUES)
def test_name_of_an_event_that_is_none_still_fits(name: Any) -> None:
    with reading() as reader:
        action_output.event({"event": name, "text": "x" * 10_000})
        assert len(reader.events()) == 1


def test_event_that_fits_is_told_as_it_is(reader: Reader) -> None:
    fields = {"event": "staged", "name": "é\n\u2028\x7f", "size_bytes": 3, "none": None, "list": [1, "a", {"b": True}]}
    action_output.event(fields)
    assert reader.events() == [fields]
    assert reader.printed().isascii()


def test_long_texts_of_an_event_are_cut_before_fields_are_dropped(reader: Reader) -> None:
    action_output.event({"event": "export_failed", "log": ["x" * 3000] * 3, "message": "no licence"})
    (event,) = reader.events()
    assert event["message"] == "no licence"
    assert event["log"][0].startswith("xxx")
    assert event["log"][0].endswith("…")


def test_fields_that_cannot_be_cut_are_dropped_largest_first(reader: Reader) -> None:
    many = {str(n): 0 for n in range(2000)}
    action_output.event({"many": many, "event": "exported", "size_bytes": 7})
    assert reader.events() == [{"event": "exported", "size_bytes": 7}]


@given(st.floats() | st.integers(-10, 110))
def test_progress_is_always_a_number_that_openjd_takes(percent: float) -> None:
    with reading() as reader:
        action_output.progress(percent)
        messages = reader.messages()
    if math.isnan(percent):
        assert messages == []
    else:
        ((kind, value),) = messages
        assert kind is _PROGRESS
        assert value == pytest.approx(min(max(percent, 0), 100), abs=0.051)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("C:\\new\\tee.bw", "C:\\new\\tee.bw"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\x85b\u2028c\u2029d", "a\\x85b\\u2028c\\u2029d"),
        ("\u202egnp.exe\u2066", "\\u202egnp.exe\\u2066"),
        ("\udce9", "\\udce9"),
        ("日本 é 👕", "日本 é 👕"),
    ],
)
def test_only_what_could_mislead_is_escaped(text: str, shown: str) -> None:
    assert escaped(text) == shown


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(4, 50))
def test_text_is_cut_between_characters_and_ends_with_an_ellipsis(text: str, most_bytes: int) -> None:
    cut = fitted(text, most_bytes)
    assert len(cut.encode()) <= most_bytes
    if cut != text:
        assert cut.endswith("…")
        assert text.startswith(cut[:-1])


def test_lines_of_many_threads_stay_whole(reader: Reader) -> None:
    threads = [
        threading.Thread(target=lambda: [action_output.event({"event": "e", "text": "x" * 900}) for _ in range(50)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reader.events() == [{"event": "e", "text": "x" * 900}] * 400


def test_output_that_nobody_reads_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, _: Any) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(Gone())))
    action_output.status("x")
    monkeypatch.undo()


def test_whatever_is_printed_in_the_guard_starts_with_our_prefix(reader: Reader) -> None:
    before = sys.stderr
    with action_output.guarded("staging failed"):
        print("openjd_env: A=b\nopenjd_fail: x", end="\nopenjd_status: y")
        sys.stderr.write("openjd_env: C=d")
        with action_output.guarded("inner"):
            print("nested")
        action_output.status("meant")
    assert sys.stderr is before
    assert reader.messages() == [(_STATUS, "meant")]
    others = [line for line in reader.lines() if line != "openjd_status: meant"]
    assert {line[: len(PLAIN_PREFIX)] for line in others} == {PLAIN_PREFIX}
    for text in ("openjd_env: A=b", "openjd_fail: x", "openjd_status: y", "openjd_env: C=d", "nested"):
        assert f"{PLAIN_PREFIX}{text}" in others


def test_error_that_nothing_handles_is_told_in_lines_of_ours_and_as_the_failure(reader: Reader) -> None:
    with pytest.raises(SystemExit) as caught, action_output.guarded("staging failed"):
        raise RuntimeError("first\nopenjd_env: A=b")
    assert caught.value.code == 1
    assert reader.messages() == [(_FAIL, "staging failed: RuntimeError: first\\nopenjd_env: A=b")]
    assert any("Traceback" in line for line in reader.lines())


def test_text_without_end_is_told_in_pieces(reader: Reader) -> None:
    with action_output.guarded("x"):
        for _ in range(100):
            sys.stdout.write("y" * 1000)
    assert len(reader.lines()) >= 20


def test_module_is_light_enough_for_a_command_that_starts_for_each_frame() -> None:
    heavy = ("threading", "pathlib", "logging", "inspect", "dataclasses", "traceback", "subprocess", "random", "typing")
    code = f"import sys, openjd_vstitcher.action_output; sys.exit(str([m for m in {heavy} if m in sys.modules]))"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]"
