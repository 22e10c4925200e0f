"""The live display fits every width, and shows bar, percent, time and what runs."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from openjd_vstitcher import events
from openjd_vstitcher.cli import _live
from openjd_vstitcher.cli._live import Line, LiveLines, can_redraw
from openjd_vstitcher.cli._progress import Notices, PlainLines
from openjd_vstitcher.events import Event
from openjd_vstitcher.journal import Entry
from openjd_vstitcher.progress import StepProgress

LONG = "the outputs of this session are made by the stand-in engine, because this machine has no VStitcher"


def entry(event: Event, at_s: float = 0.0) -> Entry:
    return Entry(1, datetime.fromtimestamp(at_s, UTC), "local", 1, event)


def drawn(width: int, *lines: Line) -> list[str]:
    file = io.StringIO()
    longest = max(len(line.name) for line in lines)
    Console(file=file, width=width, force_terminal=True, no_color=True).print(_live._Lines(lines, longest))
    return file.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80, 110, 160])
def test_a_line_has_bar_percent_time_and_note_at_every_width(width: int) -> None:
    name = "01 a_rather_long_name_of_a_turntable.zip frames"
    step, total = drawn(width, Line(name, 50.0, 3723.0, "frame 12 of 24"), Line("total", 60.0, 61.0, "2:03:04 left"))
    for line in (step, total):
        assert len(line) <= width
        assert line.count("━") >= 4
    assert "50%" in step
    assert "1:02:03" in step
    assert "frame 12 of 24" in step
    assert "2:03:04 left" in total
    assert step.index("━") == total.index("━")


def test_a_very_narrow_terminal_keeps_the_percent() -> None:
    (line,) = drawn(40, Line("01 turntable.zip frames", 50.0, 7.0, "frame 12 of 24"))
    assert len(line) <= 40
    assert "50%" in line


def test_a_log_has_no_line_twice_and_the_progress_of_the_job() -> None:
    lines = PlainLines([StepProgress("01 t.zip frames", 24), StepProgress("02 render.png")])
    limit = events.Limited(output="t.zip", field="dpi", asked=300, used=72)
    said: list[str | None] = []
    said.append(lines.line(entry(events.ActionStatus(status=LONG))))
    said.append(lines.line(entry(events.StepStarted(step="01 t.zip frames", tasks=24))))
    for number in range(1, 25):
        run = {"kind": "run", "step": "01 t.zip frames", "task_number": number, "task_count": 24}
        said.append(lines.line(entry(events.ActionStarted(**run), number)))  # type: ignore[arg-type]
        said.append(lines.line(entry(limit, number)))
        done = events.ActionEnded(state="success", exit_code=0, seconds=1.0, **run)  # type: ignore[arg-type]
        said.append(lines.line(entry(done, number + 1)))
    shown = [line for line in said if line]
    assert shown[0].strip() == LONG
    assert [line for line in shown if "limited" in line] == ["  t.zip: dpi 300 was limited to 72"]
    assert [line for line in shown if line.startswith("run")] == [
        "run 01 t.zip frames, 1 of 24 (0% of the job)",
        "run 01 t.zip frames, 11 of 24 (40% of the job, 0:15 left)",
        "run 01 t.zip frames, 21 of 24 (80% of the job, 0:05 left)",
    ]


def test_what_a_cancelation_prevented_is_no_failure() -> None:
    notices = Notices()
    missing = events.OutputFailed(output="a.png", cause="missing", reason="the file was not made")
    assert notices.of(entry(missing)) is not None
    notices.of(entry(events.RunEnded(steps={}, canceled=True)))
    assert notices.of(entry(missing)) is None


@pytest.mark.parametrize(
    ("terminal", "variables", "expected"),
    [
        (True, {"TERM": "xterm"}, True),
        (False, {"TERM": "xterm"}, False),
        (True, {"TERM": "dumb"}, False),
        (True, {"TERM": "xterm", "CI": "1"}, False),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, True),
        (False, {"TERM": "xterm", "FORCE_COLOR": "1"}, False),
    ],
)
def test_only_a_terminal_that_redraws_gets_bars(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, variables: dict[str, str], expected: bool
) -> None:
    monkeypatch.delenv("CI", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal, raising=False)
    assert can_redraw() is expected


def test_text_is_printed_above_the_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    with LiveLines(lambda: [Line("techpack_v0", 5.0)]) as live:
        live.print(LONG, name="techpack_v0")
    lines = [line for line in capsys.readouterr().err.splitlines() if "stand-in" in line or "VStitcher" in line]
    assert lines[0].startswith(" " * len("techpack_v0 ")), "indented behind the name"
    assert all(len(line) <= 60 for line in lines)
