"""Reads garment files, mainly `.bw`, as untrusted input: read-only and within limits. Starts no engine."""

from __future__ import annotations

from .file import DOCUMENT_KEY, GarmentFile, PackedFile, check_garment, describe, open_garment
from .rulers import Ruler, RulerComponent, parse_rulers

__all__ = [
    "DOCUMENT_KEY",
    "GarmentFile",
    "PackedFile",
    "Ruler",
    "RulerComponent",
    "check_garment",
    "describe",
    "open_garment",
    "parse_rulers",
]
