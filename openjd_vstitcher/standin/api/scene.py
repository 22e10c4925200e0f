"""Calls about cameras, lights, renders and 3D files."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..calls import call
from ..codes import ApiError, Code
from ..host import Host
from ..model import Garment
from .lookup import json_object

if TYPE_CHECKING:
    from ..render_request import RenderRequest
    from ..rendering import Light

_DISTANCE_CM = 400.0
_VIEWS = {
    "GarmentFront": (0.0, -1.0, 0.0),
    "GarmentBack": (0.0, 1.0, 0.0),
    "GarmentLeft": (1.0, 0.0, 0.0),
    "GarmentRight": (-1.0, 0.0, 0.0),
    "GarmentTop": (0.0, 0.0, 1.0),
    "GarmentFrontLeft": (math.sqrt(0.5), -math.sqrt(0.5), 0.0),
    "GarmentFrontRight": (-math.sqrt(0.5), -math.sqrt(0.5), 0.0),
}
_ENVIRONMENTS = ["Studio", "Showroom"]


@call
def environment_set(host: Host, name: str) -> int:
    if name not in _ENVIRONMENTS:
        raise ApiError(Code.NOT_FOUND, f"no environment {name!r}")
    host.environment = name
    return 1


@call
def environment_get(host: Host) -> str:
    return host.environment


@call
def environments(host: Host) -> list[str]:
    return list(_ENVIRONMENTS)


@call
def environment_lights(host: Host) -> list[str]:
    return list(host.lights)


@call
def environment_light_current_get(host: Host) -> str:
    return host.light


@call
def environment_light_current_set(host: Host, name: str) -> int:
    if name not in host.lights:
        raise ApiError(Code.NOT_FOUND, f"no light {name!r}")
    host.light = name
    return 1


@call
def environment_light_info_set(host: Host, name: str, info: str) -> int:
    """Set a light's `exposure` (stops) and `rotation_angle` (degrees)."""
    if name not in host.lights:
        raise ApiError(Code.NOT_FOUND, f"no light {name!r}")
    changed = json_object(info, "the light")
    try:
        values: dict[str, float] = {
            key: float(changed[key]) for key in ("exposure", "rotation_angle") if key in changed
        }
    except (TypeError, ValueError):
        raise ApiError(Code.INVALID_ARGUMENT, "exposure and rotation_angle must be numbers") from None
    host.lights[name].update(values)
    return 1


@call
def environment_camera_view_get(host: Host, garment: str, name: str) -> str:
    """A camera as JSON: one of the garment's views, or an imported one."""
    from ..parts import garment_center
    from ..render_request import camera_json
    from ..rendering import Camera

    opened = host.garment(garment)
    if name in host.cameras:
        return json.dumps(host.cameras[name])
    if name not in _VIEWS:
        raise ApiError(Code.NOT_FOUND, f"no camera view {name!r}")
    x, y, z = garment_center(opened)
    direction = _VIEWS[name]
    position = (
        x + _DISTANCE_CM * direction[0],
        y + _DISTANCE_CM * direction[1],
        z + _DISTANCE_CM * direction[2],
    )
    up = (0.0, 1.0, 0.0) if name == "GarmentTop" else (0.0, 0.0, 1.0)
    return json.dumps(camera_json(name, Camera(position, (x, y, z), up)))


@call
def environment_camera_view_import(host: Host, path: str) -> int:
    """Add a camera view from a JSON file with a camera and its `name`."""
    try:
        view = json_object(Path(path).read_text(encoding="utf-8"), path)
    except (OSError, UnicodeDecodeError) as error:
        raise ApiError(Code.CANNOT_READ, f"{path}: {error}") from None
    _camera(view)
    host.cameras[str(view.get("name") or Path(path).stem)] = view
    return 1


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


@call
def render_image_ex(host: Host, garment: str, render_json: str) -> str:
    """Render. A normal render is done when this returns ""; a ray trace runs separately and returns a job id."""
    from ..parts import garment_parts
    from ..pictures import take_pictures
    from ..raytrace import RayTrace

    opened = host.garment(garment)
    request = _request(host, opened, render_json)
    if request.ray_trace:
        number = len(host.ray_traces) + 1
        job = f"render-{number}"
        host.ray_traces[job] = RayTrace(_written_scene(host, opened, request))
        return job
    take_pictures(request, garment_parts(opened, include_avatar=request.include_avatar), host.misbehaviour.write)
    return ""


@call
def render_image(host: Host, garment: str, render_json: str) -> int:
    """Render synchronously, even a ray trace (deprecated in VStitcher)."""
    from ..parts import garment_parts
    from ..pictures import take_pictures

    opened = host.garment(garment)
    request = _request(host, opened, render_json)
    take_pictures(request, garment_parts(opened, include_avatar=request.include_avatar), host.misbehaviour.write)
    return 1


@call
def render_job_status_get(host: Host, garment: str, render_job_id: str) -> str:
    """JSON with `status`, `progress` (percent) and `error`."""
    host.garment(garment)
    if render_job_id not in host.ray_traces:
        raise ApiError(Code.NOT_FOUND, f"no render job {render_job_id!r}")
    return json.dumps(host.ray_traces[render_job_id].status())


@call
def render_ray_trace_cmd(host: Host, garment: str, render_json: str) -> str:
    """A command line that renders in a separate process."""
    from ..raytrace import command

    opened = host.garment(garment)
    request = _request(host, opened, render_json)
    return " ".join(f'"{part}"' for part in command(_written_scene(host, opened, request)))


@call
def render_export3d_object(host: Host, garment: str, export_json: str) -> int:
    """Write the garment as a 3D file."""
    from ..export3d import export_3d

    export_3d(host, host.garment(garment), json_object(export_json, "the export"))
    return 1


def current_light(host: Host) -> Light:
    """The settings of the current light."""
    from ..rendering import Light

    return Light(**host.lights[host.light])


def _request(host: Host, garment: Garment, text: str) -> RenderRequest:
    from ..parts import garment_center
    from ..render_request import parse_request

    request = parse_request(text, garment_center(garment), current_light(host))
    if not garment.dressed:
        raise ApiError(Code.NOT_DRESSED, "the avatar is not dressed; call GarmentDress or SnapshotLoad first")
    return request


def _written_scene(host: Host, garment: Garment, request: RenderRequest) -> Path:
    from ..parts import garment_parts
    from ..raytrace import write_scene

    parts = garment_parts(garment, include_avatar=request.include_avatar)
    if not parts:
        raise ApiError(Code.RENDER_FAILED, "the garment has no meshes")
    path = host.scratch() / f"scene-{host.scenes}.json"
    host.scenes += 1
    write_scene(request, parts, path)
    return path
