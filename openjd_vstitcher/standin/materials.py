"""Materials as the stand-in keeps them: their defaults, kinds and checks. `u3m.py` has their public form.

`placements`: where an artwork is shown; `items`: the materials of a group; `u3m`: the document as it came in.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

DEFAULTS: dict[str, Any] = {
    "name": "Fabric",
    "type": "fabric",
    "color": "#b4b4b4",
    "roughness": 0.85,
    "metallic": 0.0,
    "composition": "",
    "weight_gsm": 0,
    "thickness_mm": 0.0,
    "texture": None,
    "placements": [],
}

GROUPS = ("zipper", "button")
TYPES = ("fabric", "seam", "artwork", "trim", "trim_edge", "trim3d", *GROUPS)
DEFAULT_WIDTH_CM = 20.0
_LARGEST_CM = 1000.0


def check_material(material: dict[str, Any]) -> None:
    """Check that a material can be drawn.

    Raises
    ------
    ValueError, TypeError: it cannot; the message names the key and what was expected.
    """
    check_color(material.get("color", DEFAULTS["color"]))
    if material.get("type", "fabric") not in TYPES:
        raise ValueError(f"type: expected one of {', '.join(TYPES)}, found {material['type']!r}")
    for key in ("roughness", "metallic"):
        _number(key, material.get(key, 0.5), 0.0, 1.0)
    texture = material.get("texture")
    if texture is not None:
        if not isinstance(texture, dict) or not isinstance(texture.get("path"), str):
            raise ValueError(f"texture: expected null or an object with a path, found {texture!r}")
        for key in ("width_cm", "height_cm"):
            if texture.get(key) is not None:
                _number(f"texture.{key}", texture[key], 0.01, _LARGEST_CM)
    placements = material.get("placements", [])
    if not isinstance(placements, list):
        raise TypeError(f"placements: expected a list, found {placements!r}")
    for placement in placements:
        _check_placement(placement)


def check_color(color: Any) -> None:
    """Raise ValueError if a colour is not written as `#rrggbb`."""
    if not (isinstance(color, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", color)):
        raise ValueError(f"color: expected #rrggbb, found {color!r}")


def rgb(color: str) -> tuple[int, int, int]:
    """Red, green and blue of `#rrggbb`; 0 to 255 each."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def hexadecimal(color: Sequence[float]) -> str:
    """Red, green and blue from 0 to 255 as `#rrggbb`; ValueError if one is outside."""
    values = [round(value) for value in color]
    if not all(0 <= value <= 255 for value in values):
        raise ValueError(f"color: expected 0 to 1 for each of r, g and b, found {[value / 255 for value in color]}")
    return "#" + "".join(f"{value:02x}" for value in values)


def _check_placement(placement: Any) -> None:
    if not isinstance(placement, dict) or not isinstance(placement.get("shape"), int):
        raise TypeError(f"placements: expected objects with a shape, found {placement!r}")
    center = placement.get("center")
    if not isinstance(center, list | tuple) or len(center) != 2:
        raise ValueError(f"placements.center: expected two numbers, found {center!r}")
    for value in center:
        _number("placements.center", value, -10_000.0, 10_000.0)
    for key in ("width_cm", "height_cm"):
        _number(f"placements.{key}", placement.get(key), 0.01, _LARGEST_CM)
    _number("placements.rotation", placement.get("rotation", 0.0), -360.0, 360.0)


def _number(key: str, value: Any, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{key}: expected a number, found {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{key}: expected {low} to {high}, found {value!r}")
