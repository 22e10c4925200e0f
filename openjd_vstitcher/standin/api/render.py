"""Calls about renders and 3D files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ..calls import call
from ..codes import ApiError, Code
from ..host import Host
from ..model import Garment
from .lookup import json_object

if TYPE_CHECKING:
    from ..render_request import RenderRequest
    from ..rendering import Light


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
def render_image(host: Host, garment: str, render_json: str) -> None:
    """Render synchronously, even a ray trace (deprecated in VStitcher)."""
    from ..parts import garment_parts
    from ..pictures import take_pictures

    opened = host.garment(garment)
    request = _request(host, opened, render_json)
    take_pictures(request, garment_parts(opened, include_avatar=request.include_avatar), host.misbehaviour.write)


@call
def render_job_status_get(host: Host, garment: str, render_job_id: str) -> str:
    """JSON with `id`, `status`, `info`, `additional_info` and `progress` from 0 to 1, -1 if it is unknown."""
    host.garment(garment)
    if render_job_id not in host.ray_traces:
        return json.dumps({"id": render_job_id, "status": "unknown", "info": "", "additional_info": "", "progress": -1})
    return json.dumps({"id": render_job_id, **host.ray_traces[render_job_id].status()})


@call
def render_ray_trace_cmd(host: Host, garment: str, render_json: str) -> str:
    """A command line that renders in a separate process."""
    from ..raytrace import command

    opened = host.garment(garment)
    request = _request(host, opened, render_json)
    return " ".join(f'"{part}"' for part in command(_written_scene(host, opened, request)))


@call
def render_export3d_object(host: Host, garment: str, export_json: str) -> None:
    """Write the garment as a 3D file."""
    from ..export3d import export_3d

    export_3d(host, host.garment(garment), json_object(export_json, "the export"))


def current_light(host: Host) -> Light:
    """The settings of the current light."""
    from ..rendering import Light

    return Light(**host.lights[host.light])


def _request(host: Host, garment: Garment, text: str) -> RenderRequest:
    from ..parts import garment_center
    from ..render_request import parse_request

    request = parse_request(text, garment_center(garment), current_light(host))
    if not garment.dressed:
        raise ApiError(
            Code.NO_SNAPSHOT_AVAILABLE, "the avatar is not dressed; load a snapshot, or call GarmentDress and wait"
        )
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
