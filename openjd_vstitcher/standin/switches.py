"""Behaviours of VStitcher that public material leaves open, each as a switch."""

from __future__ import annotations

import os
from dataclasses import dataclass

SWITCHES_VARIABLE = "OPENJD_VS_STANDIN_SWITCHES"
"""Names of `Switches`, separated by commas."""


@dataclass(frozen=True)
class Switches:
    """What the stand-in does where VStitcher's behaviour is unknown or differs between versions.

    Parameters
    ----------
    sticky: `GetLastError` keeps the code of the last failure when a later call succeeds.
    old: calls that older versions lack are missing (`since` in `schemas/bwapi.json`).
    unlinks: `ShapePropertiesSet` with an empty `symmetry` unlinks a shape.
    """

    sticky: bool = False
    old: bool = False
    unlinks: bool = False

    @classmethod
    def from_environment(cls) -> Switches:
        """The switches that `OPENJD_VS_STANDIN_SWITCHES` names; ValueError for an unknown name."""
        names = [name.strip() for name in os.environ.get(SWITCHES_VARIABLE, "").split(",") if name.strip()]
        unknown = set(names) - set(cls.__dataclass_fields__)
        if unknown:
            known = ", ".join(cls.__dataclass_fields__)
            raise ValueError(f"{SWITCHES_VARIABLE}: unknown {', '.join(sorted(unknown))}; expected {known}")
        return cls(**dict.fromkeys(names, True))
