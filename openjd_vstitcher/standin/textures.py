"""Draws textures with Pillow: repeated fabric textures, placed artworks, woven labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .codes import ApiError, Code
from .meshes import Array

if TYPE_CHECKING:
    from PIL.Image import Image

    from .model import Garment, Shape, Trim

Picture = npt.NDArray[np.uint8]

PX_PER_CM = 30.0
_MAX_SIDE_PX = 2048
_MIN_TILE_PX = 4
_LABEL_PX_PER_CM = 160
_WOVEN = "#3b4550"


def piece_picture(
    garment: Garment, shape: Shape, uv: Array, px_per_cm: float = PX_PER_CM
) -> tuple[Picture, Array] | None:
    """Draw the texture of a piece. Returns it with the piece's uv in 0 to 1, or None if the piece has a plain colour.

    Parameters
    ----------
    uv: positions of the piece's vertices on the sheet, cm.
    """
    fabric = garment.material(shape.material)
    artworks = [
        (material, placement)
        for material in garment.colorway(garment.current_colorway).materials.values()
        if material.get("texture")
        for placement in material.get("placements", [])
        if placement["shape"] == shape.id
    ]
    if not fabric.get("texture") and not artworks:
        return None
    from PIL import Image

    low, high = uv.min(axis=0), uv.max(axis=0)
    scale = min(px_per_cm, _MAX_SIDE_PX / float((high - low).max()))
    size = (max(int((high[0] - low[0]) * scale), 1), max(int((high[1] - low[1]) * scale), 1))
    picture = Image.new("RGB", size, str(fabric.get("color", "#b4b4b4")))
    if fabric.get("texture"):
        _tile(picture, fabric["texture"], scale, (shape.origin[0] - low[0], high[1] - shape.origin[1]))
    for material, placement in artworks:
        _place(picture, _open(material["texture"]), placement, scale, (float(low[0]), float(high[1])))
    return np.asarray(picture), (uv - low) / (high - low)


def label_picture(garment: Garment, trim: Trim, material: dict[str, Any]) -> Picture:
    """Draw the face of a woven label: its texture, or the garment's name in a frame."""
    from PIL import Image, ImageDraw, ImageFont

    size = (int(trim.width_cm * _LABEL_PX_PER_CM), int(trim.height_cm * _LABEL_PX_PER_CM))
    picture = Image.new("RGB", size, str(material.get("color", "#ffffff")))
    if material.get("texture"):
        artwork = _fitted(_open(material["texture"]), size)
        picture.paste(artwork, ((size[0] - artwork.width) // 2, (size[1] - artwork.height) // 2), artwork)
        return np.asarray(picture)
    pen = ImageDraw.Draw(picture)
    inset, stroke = size[1] // 9, max(size[1] // 40, 1)
    pen.rectangle((inset, inset, size[0] - inset, size[1] - inset), outline=_WOVEN, width=stroke)
    font = ImageFont.load_default(size=size[1] * 0.26)
    pen.text((size[0] / 2, size[1] / 2), garment.name.upper()[:16], fill=_WOVEN, font=font, anchor="mm")
    return np.asarray(picture)


def check_picture(path: Path) -> None:
    """Raise ApiError if a file cannot be opened as a picture."""
    _open({"path": str(path)}).close()


def _open(texture: dict[str, Any]) -> Image:
    from PIL import Image, UnidentifiedImageError

    path = texture.get("path", "")
    try:
        with Image.open(path) as picture:
            return picture.convert("RGBA")
    except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ApiError(Code.CANNOT_READ, f"{path} cannot be opened as a picture: {error}") from None


def _tile(picture: Image, texture: dict[str, Any], scale: float, origin: tuple[float, float]) -> None:
    source = _open(texture)
    width = float(texture.get("width_cm") or 20.0)
    height = float(texture.get("height_cm") or width * source.height / source.width)
    size = (max(round(width * scale), _MIN_TILE_PX), max(round(height * scale), _MIN_TILE_PX))
    tile = source.resize(size)
    left, top = int(origin[0] * scale) % size[0] - size[0], int(origin[1] * scale) % size[1] - size[1]
    for x in range(left, picture.width, size[0]):
        for y in range(top, picture.height, size[1]):
            picture.paste(tile, (x, y), tile)


def _place(
    picture: Image, artwork: Image, placement: dict[str, Any], scale: float, corner: tuple[float, float]
) -> None:
    """Paste an artwork; `corner` is the position of the picture's upper left corner on the sheet, cm."""
    box = (round(placement["width_cm"] * scale), round(placement["height_cm"] * scale))
    fitted = _fitted(artwork, box)
    if placement.get("rotation"):
        fitted = fitted.rotate(float(placement["rotation"]), expand=True)
    x = (placement["center"][0] - corner[0]) * scale - fitted.width / 2
    y = (corner[1] - placement["center"][1]) * scale - fitted.height / 2
    picture.paste(fitted, (round(x), round(y)), fitted)


def _fitted(picture: Image, box: tuple[int, int]) -> Image:
    factor = min(box[0] / picture.width, box[1] / picture.height)
    return picture.resize((max(round(picture.width * factor), 1), max(round(picture.height * factor), 1)))
