"""The calls of `BwApi`, by group; importing this package registers them all."""

from __future__ import annotations

from . import application, colorways, garment, pattern, scene

__all__ = ["application", "colorways", "garment", "pattern", "scene"]
