"""What the program has besides garments: avatars, colour and asset libraries, windows. Kept, without effect."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

TEMPLATES = ("Adam", "Olivia")
POSES = ("A pose", "T pose", "Walk")
_MEASUREMENTS = {"height": 176.0, "chest": 96.0, "waist": 81.0, "hips": 98.0}


@dataclass
class Avatar:
    """An avatar; measurements in cm."""

    parametric: bool = True
    pose: str = POSES[0]
    measurements: dict[str, Any] = field(default_factory=lambda: dict(_MEASUREMENTS))


@dataclass
class Library:
    """An asset library: its description, and its collections and assets by id."""

    info: dict[str, Any]
    assets: dict[int, dict[str, Any]] = field(default_factory=dict)
    collections: dict[int, list[int]] = field(default_factory=dict)
    made: int = 0


@dataclass
class World:
    """Avatars, colour libraries, asset libraries and HTML windows, by id."""

    avatars: dict[str, Avatar] = field(default_factory=lambda: {"Adam_Adam_m": Avatar(), "Olivia_Olivia_f": Avatar()})
    avatar: str = "Adam_Adam_m"
    colors: dict[int, dict[str, Any]] = field(default_factory=dict)
    libraries: dict[str, Library] = field(default_factory=dict)
    windows: dict[int, str] = field(default_factory=dict)
    made: int = 0

    def number(self) -> int:
        """A new id."""
        self.made += 1
        return self.made
