"""What a check of this machine found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from ..config import Config

State = Literal["ok", "note", "warning", "failed"]
"""`note`: a fact worth knowing; `warning`: jobs run, but less safely or well; `failed`: jobs fail or never begin."""


@dataclass(frozen=True)
class Finding:
    """One line of the doctor.

    Parameters
    ----------
    check: what was looked at, in a word or two.
    what: what was found.
    mend: what to do about it, "" if nothing.
    fix: does it; returns what it did. None where only a person can.
    """

    check: str
    state: State
    what: str
    mend: str = ""
    fix: Callable[[], str] | None = None


Check = Callable[[Config], Iterator[Finding]]
