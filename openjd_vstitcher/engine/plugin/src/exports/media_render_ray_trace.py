"""MEDIA_RENDER_RAY_TRACE: one ray-traced picture (png)."""

from .. import pictures


def export(request):
    """Render one picture with `cycles` samples."""
    part = request.part(request.name)
    yield from pictures.render(request, [(pictures.camera(request), part)], ray_trace=True)
    request.publish(part, request.name)
