"""What a live display draws, and whether it can. Imports nothing that takes long."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

CTRL_C = 2
"""The columns that stay free, for the `^C` that a terminal prints behind the last line."""


@dataclass(frozen=True)
class Line:
    """One line with a bar.

    Parameters
    ----------
    percent: None if it is unknown; the bar then pulses.
    elapsed_s: None shows no time.
    note: what is at work, or how long it will take.
    """

    name: str
    percent: float | None
    elapsed_s: float | None = None
    note: str = ""


def can_redraw() -> bool:
    """Whether stderr is a terminal that can draw lines again. A CI system only looks like one."""
    return sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown") and not os.environ.get("CI")
