"""A few lines with bars at the bottom of a terminal, drawn again as they change. Text is printed above them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..sentences import duration
from ._lines import CTRL_C as CTRL_C
from ._lines import Line as Line
from ._lines import can_redraw as can_redraw

_REDRAWS_PER_S = 5
_NARROW = 50
"""Below this width, lines have no note."""
_BAR, _SHORTEST_BAR, _PERCENT, _TIME, _NOTE = 40, 10, 4, 7, 44
"""The widths of the columns: bar and note at most, percent and time always."""


class LiveLines(AbstractContextManager["LiveLines"]):
    """Draws lines on stderr several times a second while the block runs, then removes them.

    Parameters
    ----------
    lines: returns what to draw now; called from another thread.
    """

    def __init__(self, lines: Callable[[], Sequence[Line]]) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._read = lines
        self._longest_name = 0
        self._live = Live(
            console=self._console,
            get_renderable=self._lines,
            refresh_per_second=_REDRAWS_PER_S,
            transient=True,
        )

    def __enter__(self) -> LiveLines:
        self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def print(self, text: str, style: str = "", *, name: str = "") -> None:
        """Print text above the lines, behind the name of a line if one is given."""
        if not name:
            self._console.print(Text(text, style=style))
            return
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True, width=self._longest_name)
        grid.add_row(Text(name), Text(text, style=style))
        self._console.print(grid)

    def _lines(self) -> _Lines:
        lines = self._read()
        self._longest_name = max([self._longest_name, *(len(line.name) for line in lines)])
        return _Lines(lines, self._longest_name)


@dataclass(frozen=True)
class _Lines:
    """The lines as columns that fit the terminal and keep their places: the bar takes the space that the others leave.

    Parameters
    ----------
    longest_name: of all lines that were drawn so far, in characters.
    """

    lines: Sequence[Line]
    longest_name: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width - CTRL_C
        name = min(self.longest_name, max(width // 3, 12))
        note = min(width - name - _SHORTEST_BAR - _PERCENT - _TIME - 4, _NOTE) if width >= _NARROW else 0
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True, overflow="ellipsis", width=name)
        grid.add_column(width=min(max(width - name - note - _PERCENT - _TIME - 4, 4), _BAR))
        grid.add_column(no_wrap=True, justify="right", width=_PERCENT)
        grid.add_column(no_wrap=True, justify="right", width=_TIME)
        if note:
            grid.add_column(no_wrap=True, overflow="ellipsis", width=note)
        for line in self.lines:
            cells = (
                Text(line.name),
                ProgressBar(total=None if line.percent is None else 100, completed=line.percent or 0),
                "" if line.percent is None else f"{line.percent:.0f}%",
                "" if line.elapsed_s is None else duration(line.elapsed_s),
                Text(line.note, style="cyan"),
            )
            grid.add_row(*cells[: len(grid.columns)])
        yield grid
