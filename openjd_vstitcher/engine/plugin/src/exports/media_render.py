"""MEDIA_RENDER: one picture as shown on the screen (png)."""

from .. import pictures


def export(request):
    """Render one picture."""
    part = request.part(request.name)
    yield from pictures.render(request, [(pictures.camera(request), part)])
    request.publish(part, request.name)
