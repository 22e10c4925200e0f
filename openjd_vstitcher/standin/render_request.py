"""Parses and checks `render.json`, and limits sizes and quality. Draws nothing."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .codes import ApiError, Code
from .rendering import DEFAULT_FOV, Camera, Light, Quality, Vector

MAX_PIXELS_VARIABLE = "OPENJD_VS_STANDIN_MAX_PIXELS"
DEFAULT_MAX_PIXELS = 1_400_000
NORMAL_QUALITY = Quality(samples=4, depth=2)
_CYCLES_PER_SAMPLE = 12
_RAY_TRACE_SAMPLES = (8, 16)
_RAY_TRACE_DEPTH = 6


@dataclass(frozen=True)
class Capture:
    """A picture to render, and its output file."""

    camera: Camera
    path: Path


@dataclass(frozen=True)
class RenderRequest:
    """A checked `render.json`.

    Parameters
    ----------
    size: width and height in px, within the limit of this machine.
    background: `#rrggbb`, or None for a transparent background.
    """

    captures: tuple[Capture, ...]
    size: tuple[int, int]
    quality: Quality
    ray_trace: bool
    include_avatar: bool
    light: Light
    background: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Convert to JSON data for a separate process; `from_json` is the inverse."""
        data = asdict(self)
        data["captures"] = [{"camera": asdict(c.camera), "path": os.fspath(c.path)} for c in self.captures]
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RenderRequest:
        captures = tuple(Capture(Camera(**_with_tuples(c["camera"])), Path(c["path"])) for c in data["captures"])
        return cls(
            captures,
            (data["size"][0], data["size"][1]),
            Quality(**data["quality"]),
            data["ray_trace"],
            data["include_avatar"],
            Light(**data["light"]),
            data["background"],
        )


def parse_request(text: str, center: Vector, light: Light) -> RenderRequest:
    """Parse a `render.json`.

    Parameters
    ----------
    center: the target of cameras without one, cm.

    Raises
    ------
    ApiError: the text is not JSON, or a value is missing or invalid.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ApiError(Code.INVALID_JSON, f"the render request is not valid JSON: {error}") from None
    try:
        ray_trace = "ray_trace" in data["render"]
        render = data["render"]["ray_trace" if ray_trace else "normal"] or {}
        captures = tuple(Capture(parse_camera(c["camera"], center), Path(c["path"])) for c in data["captures"])
        size = _within_limit(int(data["width"]), int(data["height"]))
        quality = _ray_trace_quality(float(render.get("cycles", 250))) if ray_trace else NORMAL_QUALITY
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ApiError(
            Code.INVALID_ARGUMENT, f"a value of the render request is missing or invalid: {error!r}"
        ) from None
    if not captures:
        raise ApiError(Code.INVALID_ARGUMENT, "the render request has no captures")
    background = render.get("background", "transparent")
    if background in ("transparent", "", None):
        background = None
    elif not (isinstance(background, str) and len(background) == 7 and background.startswith("#")):
        raise ApiError(Code.INVALID_ARGUMENT, f"unknown background {background!r}")
    return RenderRequest(captures, size, quality, ray_trace, bool(data.get("include_avatar")), light, background)


def parse_camera(data: dict[str, Any], center: Vector) -> Camera:
    """Parse a camera; KeyError, TypeError or ValueError if it is invalid."""
    position = _vector(data["position"])
    target = _vector(data["target"]) if data.get("target") else center
    up = _vector(data["up"]) if data.get("up") else (0.0, 0.0, 1.0)
    fov = float(data.get("fov") or DEFAULT_FOV)
    if not 0.1 <= fov <= 170 or math.dist(position, target) < 1e-3 or not any(up):
        raise ValueError("camera")
    return Camera(position, target, up, fov)


def camera_json(name: str, camera: Camera) -> dict[str, Any]:
    """A camera in the JSON form that the calls return."""

    def xyz(v: Vector) -> dict[str, float]:
        return {"x": v[0], "y": v[1], "z": v[2]}

    return {
        "name": name,
        "position": xyz(camera.position),
        "target": xyz(camera.target),
        "up": xyz(camera.up),
        "fov": camera.fov,
    }


def _vector(data: Any) -> Vector:
    values = (data["x"], data["y"], data["z"]) if isinstance(data, dict) else tuple(data)
    x, y, z = (float(v) for v in values)
    if not all(math.isfinite(v) for v in (x, y, z)):
        raise ValueError("vector")
    return x, y, z


def _within_limit(width: int, height: int) -> tuple[int, int]:
    if width < 1 or height < 1:
        raise ValueError("width and height")
    limit = int(os.environ.get(MAX_PIXELS_VARIABLE) or DEFAULT_MAX_PIXELS)
    if width * height <= limit:
        return width, height
    factor = math.sqrt(limit / (width * height))
    return max(int(width * factor), 1), max(int(height * factor), 1)


def _ray_trace_quality(cycles: float) -> Quality:
    low, high = _RAY_TRACE_SAMPLES
    return Quality(int(min(max(cycles / _CYCLES_PER_SAMPLE, low), high)), _RAY_TRACE_DEPTH)


def _with_tuples(data: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
