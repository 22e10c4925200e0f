"""Takes the captures of a render request and makes PNG files of them."""

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
"""A picture of a preset is 8 inches wide, whatever its pixels."""


def take_pictures(
    request: RenderRequest,
    parts: Sequence[Part],
    write: Callable[[Path, bytes], None],
    progress: Callable[[float], None] | None = None,
) -> None:
    """Draw and write every capture of a request.

    Raises
    ------
    ApiError: there is nothing to draw, or a file cannot be written.
    """
    from .rendering import draw

    if not parts:
        raise ApiError(Code.RENDER_FAILED, "the garment has no meshes")
    count = len(request.captures)
    for number, capture in enumerate(request.captures):

        def part_done(done: float, number: int = number) -> None:
            if progress is not None:
                progress((number + done) / count)

        image = draw(
            parts, capture.camera, request.size, request.quality, request.light, part_done if progress else None
        )
        try:
            write(capture.path, encode_png(image, request.background))
        except OSError as error:
            raise ApiError(Code.CANNOT_WRITE, f"{capture.path}: {error}") from error


def encode_png(image: Image, background: str | None = None) -> bytes:
    """A PNG that says what made it, with the dpi that make it 8 inches wide."""
    from PIL import Image as Pillow
    from PIL.PngImagePlugin import PngInfo

    picture = Pillow.fromarray(image)
    if background is not None:
        ground = Pillow.new("RGBA", picture.size, background)
        ground.alpha_composite(picture)
        picture = ground
    said = PngInfo()
    said.add_text("Software", SOFTWARE)
    dpi = picture.width / _INCHES_WIDE
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=said, dpi=(dpi, dpi), compress_level=6)
    return buffer.getvalue()
