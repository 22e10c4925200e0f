"""The `BwApi` calls by group. Importing this package registers all of them."""

from __future__ import annotations

from . import application, colorways, garment, pattern, scene

__all__ = ["application", "colorways", "garment", "pattern", "scene"]
