"""Calls about cameras: the views of the program and of the garment, and imported ones."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..calls import call
from ..codes import ApiError, Code
from ..host import Host
from .lookup import json_object

_DISTANCE_CM = 400.0
_SIDES = {
    "Front": (0.0, -1.0, 0.0),
    "Left": (1.0, 0.0, 0.0),
    "Back": (0.0, 1.0, 0.0),
    "Right": (-1.0, 0.0, 0.0),
    "Top": (0.0, 0.0, 1.0),
    "Bottom": (0.0, 0.0, -1.0),
}
_DIAGONAL = math.sqrt(0.5)
_VIEWS = {
    **_SIDES,
    **{f"Garment{side}": direction for side, direction in _SIDES.items()},
    "GarmentFrontLeft": (_DIAGONAL, -_DIAGONAL, 0.0),
    "GarmentFrontRight": (-_DIAGONAL, -_DIAGONAL, 0.0),
}


@call
def environment_camera_views(host: Host) -> list[str]:
    """The names of all views."""
    return [*_VIEWS, *(name for name in host.cameras if name not in _VIEWS)]


@call
def environment_camera_view_get(host: Host, garment: str, name: str) -> str:
    """A camera as JSON: one of the program's or the garment's views, or an imported one."""
    from ..parts import garment_center

    return json.dumps(_view(host, name, garment_center(host.garment(garment))))


def _view(host: Host, name: str, center: tuple[float, float, float]) -> dict[str, Any]:
    from ..render_request import camera_json
    from ..rendering import Camera

    if name in host.cameras:
        return host.cameras[name]
    if name not in _VIEWS:
        raise ApiError(Code.NOT_FOUND, f"no camera view {name!r}")
    direction = _VIEWS[name]
    x, y, z = (at + _DISTANCE_CM * axis for at, axis in zip(center, direction, strict=True))
    up = (0.0, 1.0, 0.0) if direction[2] else (0.0, 0.0, 1.0)
    return camera_json(name, Camera((x, y, z), center, up))


@call
def environment_camera_view_export(host: Host, name: str, path: str) -> None:
    """Write a view to a JSON file, as `EnvironmentCameraViewImport` reads it."""
    from ..parts import garment_center

    center = garment_center(host.garment(host.current)) if host.current else (0.0, 0.0, 100.0)
    view = _view(host, name, center)
    try:
        Path(path).write_text(json.dumps(view), encoding="utf-8")
    except OSError as error:
        raise ApiError(Code.CANNOT_WRITE, f"{path}: {error}") from error


@call
def environment_camera_view_import(host: Host, path: str) -> None:
    """Add a camera view from a JSON file with a camera and its `name`."""
    try:
        view = json_object(Path(path).read_text(encoding="utf-8"), path)
    except (OSError, UnicodeDecodeError) as error:
        raise ApiError(Code.CANNOT_READ, f"{path}: {error}") from None
    _camera(view)
    host.cameras[str(view.get("name") or Path(path).stem)] = view


def _camera(data: dict[str, Any]) -> Any:
    from ..render_request import parse_camera

    try:
        return parse_camera(data, (0.0, 0.0, 100.0))
    except (KeyError, TypeError, ValueError) as error:
        raise ApiError(Code.INVALID_ARGUMENT, f"invalid camera: {error!r}") from None


@call
def environment_turntable_camera_positions_get(host: Host, camera: str, count: int) -> str:
    """A JSON list of cameras that circle the target of the given camera, starting with it."""
    from ..render_request import camera_json

    if not 1 <= count <= 1024:
        raise ApiError(Code.INVALID_ARGUMENT, f"{count} cameras; expected 1 to 1024")
    data = json_object(camera, "the camera")
    first = _camera(data)
    dx, dy = first.position[0] - first.target[0], first.position[1] - first.target[1]
    cameras = []
    for number in range(count):
        c, s = math.cos(2 * math.pi * number / count), math.sin(2 * math.pi * number / count)
        position = (
            round(first.target[0] + dx * c - dy * s, 6),
            round(first.target[1] + dx * s + dy * c, 6),
            first.position[2],
        )
        cameras.append({**data, **camera_json(str(data.get("name", "")), replace(first, position=position))})
    return json.dumps(cameras)
