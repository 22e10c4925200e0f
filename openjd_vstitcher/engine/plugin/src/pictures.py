"""Renders pictures of the garment; shared by all exports that render."""

import json
import os

from . import files
from .garment import FRONT

WIDTH_IN, HEIGHT_IN = 8, 10
DPI = 80
CYCLES = 250
STATUS_POLL_S = 0.5


def size(instruction):
    """Width and height in pixels: `dpi` dots per inch of an 8 x 10 inch picture."""
    dpi = instruction.get("dpi") or DPI
    return max(1, round(WIDTH_IN * dpi)), max(1, round(HEIGHT_IN * dpi))


def camera(request):
    """The camera of an instruction: `camera_view` by name, or `camera_position` aimed like the front view."""
    view = request.bw.EnvironmentCameraViewGet(request.garment.id, request.instruction.get("camera_view") or FRONT)
    wanted = json.loads(view)
    position = request.instruction.get("camera_position")
    if position:
        wanted.pop("name", None)
        wanted["position"] = {axis: position[axis] for axis in "xyz"}
        if not position["x"] and not position["y"]:
            wanted["up"] = {"x": 0, "y": 1, "z": 0}
    return wanted


def render(request, captures, ray_trace=False):
    """Render captures, a list of (camera, path); a generator that ends when all pictures are whole.

    A ray trace runs in an external process if the engine has RenderRayTraceCMD, else in the engine.
    """
    bw, garment = request.bw, request.garment
    garment.dress()
    request.stage("export")
    job = json.dumps(_job(request.instruction, captures, ray_trace))
    command = bw.RenderRayTraceCMD(garment.id, job) if ray_trace and bw.has("RenderRayTraceCMD") else ""
    if command:
        yield {"type": "process", "command": command}
    else:
        job_id = bw.RenderImageEx(garment.id, job)
        if job_id:
            yield from _wait_for_job(request, job_id)
    for _camera, path in captures:
        yield from request.wait_until_whole(path)
        _check_size(request, path)


def _job(instruction, captures, ray_trace):
    background = instruction.get("background") or "transparent"
    if ray_trace:
        mode = {"ray_trace": {"cycles": instruction.get("cycles") or CYCLES, "background": background}}
    else:
        mode = {"normal": {"outline": bool(instruction.get("outline", False)), "background": background}}
    width, height = size(instruction)
    return {
        "render": mode,
        "captures": [{"camera": camera, "path": path} for camera, path in captures],
        "include_avatar": bool(instruction.get("include_avatar", False)),
        "width": width,
        "height": height,
    }


def _wait_for_job(request, job_id):
    while True:
        status = json.loads(request.bw.RenderJobStatusGet(request.garment.id, job_id))
        request.progress(float(status.get("progress", 0)))
        if status.get("status") == "done":
            return
        if status.get("status") == "failed":
            raise files.Failure("the render job failed", str(status.get("error")))
        request.check_canceled()
        yield {"type": "wait", "seconds": STATUS_POLL_S}


def _check_size(request, path):
    requested = size(request.instruction)
    got = files.png_size(path)
    if got != requested:
        max_pixels = os.environ.get("OPENJD_VS_STANDIN_MAX_PIXELS")
        reason = "the engine rendered %d x %d pixels instead of the requested %d x %d" % (got + requested)
        if max_pixels:
            reason += "; the stand-in renders at most %s pixels (engine.standin_max_pixels)" % max_pixels
        request.limited("dpi", request.instruction.get("dpi") or DPI, round(got[0] / WIDTH_IN, 1), reason)
