"""Renders pictures of the garment; shared by all exports that render."""

import json
import os

from . import files
from .garment import FRONT

WIDTH_IN, HEIGHT_IN = 8, 10
DPI = 80
CYCLES = 250
STATUS_POLL_S = 0.5
UNKNOWN_LIMIT = 20


def size(instruction):
    """Width and height in pixels: `dpi` dots per inch of an 8 x 10 inch picture."""
    dpi = instruction.get("dpi") or DPI
    return max(1, round(WIDTH_IN * dpi)), max(1, round(HEIGHT_IN * dpi))


def camera(request):
    """The camera of an instruction: `camera_view` by name, or `camera_position` aimed like the front view."""
    view = request.instruction.get("camera_view") or FRONT
    known = request.bw.EnvironmentCameraViews() if request.bw.has("EnvironmentCameraViews") else [view]
    if view not in known:
        raise files.Failure("there is no camera view %r; there are: %s" % (view, ", ".join(known)))
    wanted = json.loads(request.bw.EnvironmentCameraViewGet(request.garment.id, view))
    position = request.instruction.get("camera_position")
    if position:
        _move(request, wanted, position)
    return wanted


def _move(request, camera, position):
    """Move a camera. Only keys that it has are changed: the form of cameras is not public."""
    if not _set_vector(camera, "position", [position[axis] for axis in "xyz"]):
        reason = "the engine's camera has no position; it has: %s" % ", ".join(sorted(camera))
        request.garment.tell_unproven("camera_position", reason)
    elif not position["x"] and not position["y"]:
        _set_vector(camera, "up", [0, 1, 0])


def _set_vector(camera, key, values):
    """Set a vector in the form that it has, an object or a list. Returns False if the camera has none."""
    before = camera.get(key)
    if isinstance(before, dict) and set("xyz") <= set(before):
        camera[key] = dict(before, x=values[0], y=values[1], z=values[2])
    elif isinstance(before, list) and len(before) == 3:
        camera[key] = values
    else:
        return False
    return True


def render(request, captures, ray_trace=False):
    """Render captures, a list of (camera, path); a generator that ends when all pictures are whole.

    A ray trace runs in an external process if the engine has RenderRayTraceCMD, else in the engine.
    """
    bw, garment = request.bw, request.garment
    yield from garment.drape.dress(request.check_canceled)
    request.stage("export")
    job = json.dumps(_job(request.instruction, captures, ray_trace))
    command = bw.RenderRayTraceCMD(garment.id, job) if ray_trace and bw.has("RenderRayTraceCMD") else ""
    if command:
        _check_process((yield {"type": "process", "command": command}), captures)
    elif bw.has("RenderImageEx"):
        job_id = bw.RenderImageEx(garment.id, job)
        if job_id:
            yield from _wait_for_job(request, job_id)
    else:
        bw.RenderImage(garment.id, job)
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


def _check_process(ended, captures):
    """Raise Failure if the render process failed. Its exit codes are not public: what counts is whole pictures."""
    if ended.get("code") and not all(files.is_whole(path) for _camera, path in captures):
        raise files.Failure("the render process " + ended["ending"])


def _wait_for_job(request, job_id):
    """Wait for the end of a render job; a generator that yields requests to be resumed later."""
    unknown = 0
    while True:
        job = json.loads(request.bw.RenderJobStatusGet(request.garment.id, job_id))
        status, progress = job.get("status"), float(job.get("progress", -1))
        if progress >= 0:
            request.progress(100.0 * progress)
        if status == "done":
            return
        unknown = unknown + 1 if status not in ("pending", "running") else 0
        if status in ("failed", "aborted") or unknown > UNKNOWN_LIMIT:
            told = [str(job[key]) for key in ("info", "additional_info") if job.get(key)]
            raise files.Failure("the render job ended as %s" % status, "; ".join(told) or None)
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
