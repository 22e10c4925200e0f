"""What a `render.json` asks for, checked and limited: values only, nothing is drawn here."""

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
_TRACED_SAMPLES = (8, 16)
_TRACED_DEPTH = 6


@dataclass(frozen=True)
class Capture:
    """One picture to take, and the file it goes to."""

    camera: Camera
    path: Path


@dataclass(frozen=True)
class RenderRequest:
    """A checked `render.json`.

    Parameters
    ----------
    size: width and height in px, within the limit of this machine.
    background: `#rrggbb`, or None for a transparent one.
    """

    captures: tuple[Capture, ...]
    size: tuple[int, int]
    quality: Quality
    ray_trace: bool
    include_avatar: bool
    light: Light
    background: str | None = None

    def to_json(self) -> dict[str, Any]:
        """For a render in a process of its own; `from_json` is the way back."""
        data = asdict(self)
        data["captures"] = [{"camera": asdict(c.camera), "path": os.fspath(c.path)} for c in self.captures]
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RenderRequest:
        captures = tuple(Capture(Camera(**_tuples(c["camera"])), Path(c["path"])) for c in data["captures"])
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
    """Read a `render.json`.

    Parameters
    ----------
    center: what a camera without a target looks at, cm.

    Raises
    ------
    ApiError: it is no JSON, or a part is missing or impossible.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ApiError(Code.INVALID_JSON, f"the render is no JSON: {error}") from None
    try:
        ray_trace = "ray_trace" in data["render"]
        render = data["render"]["ray_trace" if ray_trace else "normal"] or {}
        captures = tuple(Capture(parse_camera(c["camera"], center), Path(c["path"])) for c in data["captures"])
        size = _limited(int(data["width"]), int(data["height"]))
        quality = _traced(float(render.get("cycles", 250))) if ray_trace else NORMAL_QUALITY
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ApiError(Code.INVALID_ARGUMENT, f"the render lacks or has a wrong {error!r}") from None
    if not captures:
        raise ApiError(Code.INVALID_ARGUMENT, "the render has no captures")
    background = render.get("background", "transparent")
    if background in ("transparent", "", None):
        background = None
    elif not (isinstance(background, str) and len(background) == 7 and background.startswith("#")):
        raise ApiError(Code.INVALID_ARGUMENT, f"unknown background {background!r}")
    return RenderRequest(captures, size, quality, ray_trace, bool(data.get("include_avatar")), light, background)


def parse_camera(data: dict[str, Any], center: Vector) -> Camera:
    """A camera's JSON; KeyError, TypeError or ValueError when it is none."""
    position = _vector(data["position"])
    target = _vector(data["target"]) if data.get("target") else center
    up = _vector(data["up"]) if data.get("up") else (0.0, 0.0, 1.0)
    fov = float(data.get("fov") or DEFAULT_FOV)
    if not 0.1 <= fov <= 170 or math.dist(position, target) < 1e-3 or not any(up):
        raise ValueError("camera")
    return Camera(position, target, up, fov)


def camera_json(name: str, camera: Camera) -> dict[str, Any]:
    """A camera as the calls give it."""

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


def _limited(width: int, height: int) -> tuple[int, int]:
    if width < 1 or height < 1:
        raise ValueError("width and height")
    limit = int(os.environ.get(MAX_PIXELS_VARIABLE) or DEFAULT_MAX_PIXELS)
    if width * height <= limit:
        return width, height
    factor = math.sqrt(limit / (width * height))
    return max(int(width * factor), 1), max(int(height * factor), 1)


def _traced(cycles: float) -> Quality:
    low, high = _TRACED_SAMPLES
    return Quality(int(min(max(cycles / _CYCLES_PER_SAMPLE, low), high)), _TRACED_DEPTH)


def _tuples(data: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
