"""Renders the captures of a render request to PNG files."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from .codes import ApiError, Code

if TYPE_CHECKING:
    from .parts import Part
    from .render_request import RenderRequest
    from .rendering import Image

SOFTWARE = f"openjd-vstitcher stand-in {__version__}"
_INCHES_WIDE = 8.0
"""Pictures are 8 inches wide, regardless of their size in pixels."""


def take_pictures(
    request: RenderRequest,
    parts: Sequence[Part],
    write: Callable[[Path, bytes], None],
    progress: Callable[[float], None] | None = None,
) -> None:
    """Render and write every capture of a request.

    Parameters
    ----------
    progress: called with the completed fraction, 0 to 1.

    Raises
    ------
    ApiError: there is nothing to draw, or a file cannot be written.
    """
    from .rendering import draw

    if not parts:
        raise ApiError(Code.RENDER_FAILED, "the garment has no meshes")
    count = len(request.captures)
    for number, capture in enumerate(request.captures):

        def capture_progress(done: float, number: int = number) -> None:
            if progress is not None:
                progress((number + done) / count)

        image = draw(
            parts, capture.camera, request.size, request.quality, request.light, capture_progress if progress else None
        )
        try:
            write(capture.path, encode_png(image, request.background))
        except OSError as error:
            raise ApiError(Code.CANNOT_WRITE, f"{capture.path}: {error}") from error


def encode_png(image: Image, background: str | None = None) -> bytes:
    """Encode a PNG that names the software and has the dpi at which it is 8 inches wide."""
    from PIL import Image as Pillow
    from PIL.PngImagePlugin import PngInfo

    picture = Pillow.fromarray(image)
    if background is not None:
        backdrop = Pillow.new("RGBA", picture.size, background)
        backdrop.alpha_composite(picture)
        picture = backdrop
    metadata = PngInfo()
    metadata.add_text("Software", SOFTWARE)
    dpi = picture.width / _INCHES_WIDE
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=metadata, dpi=(dpi, dpi), compress_level=6)
    return buffer.getvalue()
