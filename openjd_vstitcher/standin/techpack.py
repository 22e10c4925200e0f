"""Writes tech packs: folders with pieces as DXF and pictures, renders, rulers, materials, and an index."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import geometry
from .codes import ApiError, Code
from .dxf import LAYERS, block_name, pattern_dxf, piece_size

if TYPE_CHECKING:
    from .host import Host
    from .model import Garment, Shape

_PICTURE_PX = (320, 400)
_VIEWS = ("front", "back")
_PX_PER_CM = 8.0
_MAX_SIDE_PX = 2000
_MARGIN_PX = 24
_OVERSAMPLING = 3
_PALE = 0.6
_INNER = ("texture", "u3m", "told", "items")
"""Keys of materials that are not in a tech pack as they are."""
_PALETTE = {"cut": "#1c2733", "sew": "#7a8794", "internal": "#3f7fb5", "grain": "#3a8f5f", "mirror": "#a05fb0"}


def export_techpack(host: Host, garment: Garment, preset: str, folder: Path) -> None:
    """Write the tech pack of a garment in its current state.

    Raises
    ------
    ApiError: a file cannot be written.
    """
    files: dict[str, bytes] = {}
    used: set[str] = set()
    pieces = []
    for shape in garment.pieces():
        if not shape.edges:
            continue
        name = block_name(shape.name, used)
        files[f"pieces/{name}.png"] = _piece_picture(garment, shape)
        pieces.append(_piece(garment, shape, name))
    if pieces:
        files["pattern.dxf"] = pattern_dxf(garment).encode("utf-8")
    files |= _renders(host, garment)
    files["rulers.json"] = _json(_rulers(garment))
    files["materials.json"] = _json(_materials(garment))
    index = {
        "format": "openjd-vstitcher-techpack",
        "version": 1,
        "preset": preset,
        "garment": garment.name,
        "units": "cm",
        "size": garment.size(garment.current_size).name,
        "colorway": garment.colorway(garment.current_colorway).name,
        "sizes": [{"name": size.name, "scale": list(size.scale)} for size in garment.sizes],
        "dxf_layers": LAYERS,
        "pieces": pieces,
        "trims": [
            {"name": shape.name, "kind": trim.kind, "on": garment.shape(trim.on).name}
            for shape, trim in garment.trims()
        ],
        "garment_info": [
            {"caption": field["caption"], "value": field["value"], "exclude": not field["show_in_techpack_html"]}
            for field in map(json.loads, garment.info.values())
        ],
        "files": sorted(files),
    }
    files["output.json"] = _json(index)
    try:
        for relative, content in files.items():
            path = folder / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            host.misbehaviour.write(path, content)
    except OSError as error:
        raise ApiError(Code.CANNOT_WRITE, f"{folder}: {error}") from error


def _piece(garment: Garment, shape: Shape, name: str) -> dict[str, Any]:
    width, height = piece_size(shape)
    children = garment.children(shape)
    mirrored = shape.parent is not None
    return {
        "name": shape.name,
        "block": name,
        "picture": f"pieces/{name}.png",
        "material": garment.material(shape.material).get("name", ""),
        "cut": 0 if mirrored else 1,
        "cut_mirrored": len(children),
        "mirror_of": garment.shape(shape.parent).name if shape.parent is not None else None,
        "folded": shape.fold is not None,
        "width_cm": width,
        "height_cm": height,
        "area_cm2": round(abs(geometry.area(shape.outline())), 2),
        "edges": [
            {
                "id": edge.id,
                "name": edge.name,
                "length_cm": round(edge.length(), 2),
                "seam_allowance_cm": edge.seam_allowance,
            }
            for edge in shape.edges
        ],
    }


def _rulers(garment: Garment) -> list[dict[str, Any]]:
    return [
        {
            "name": ruler.name,
            "length_cm": {size.name: round(garment.ruler_length(ruler, size), 2) for size in garment.sizes},
            "parts": [
                {"piece": garment.shape(e.shape).name, "line": garment.shape(e.shape).edge(e.line).name}
                for e in ruler.elements
            ],
        }
        for ruler in garment.rulers
    ]


def _materials(garment: Garment) -> list[dict[str, Any]]:
    return [
        {
            "name": colorway.name,
            "current": colorway.id == garment.current_colorway,
            "materials": [
                {
                    **{key: value for key, value in material.items() if key not in _INNER},
                    "texture": Path((material.get("texture") or {}).get("path", "")).name or None,
                    "used_by": [
                        shape.name
                        for shape in garment.shapes
                        if shape.material == number and shape.id not in colorway.removed
                    ],
                }
                for number, material in colorway.materials.items()
                if number in garment.used_materials(colorway) or material.get("texture")
            ],
        }
        for colorway in garment.colorways
    ]


def _renders(host: Host, garment: Garment) -> dict[str, bytes]:
    if not garment.model:
        return {}
    from .parts import garment_center, garment_parts
    from .pictures import encode_png
    from .render_request import NORMAL_QUALITY
    from .rendering import Camera, Light, draw

    x, y, z = garment_center(garment)
    parts = garment_parts(garment)
    light = Light(**host.lights[host.light])
    renders = {}
    for view, side in zip(_VIEWS, (-400.0, 400.0), strict=True):
        image = draw(parts, Camera((x, y + side, z), (x, y, z)), _PICTURE_PX, NORMAL_QUALITY, light)
        renders[f"renders/{view}.png"] = encode_png(image)
    return renders


def _piece_picture(garment: Garment, shape: Shape) -> bytes:
    """A picture of a flat piece: cloth, cut line, sewing line, internal lines and grain line."""
    from PIL import Image, ImageDraw
    from PIL.PngImagePlugin import PngInfo

    from .pictures import SOFTWARE

    low_x, low_y, high_x, high_y = geometry.bounds(shape.cut_line())
    per_cm = min(_PX_PER_CM, _MAX_SIDE_PX / max(high_x - low_x, high_y - low_y))
    scale = per_cm * _OVERSAMPLING
    margin = _MARGIN_PX * _OVERSAMPLING
    size = (int((high_x - low_x) * scale) + 2 * margin, int((high_y - low_y) * scale) + 2 * margin)
    picture = Image.new("RGBA", size, (255, 255, 255, 0))
    pen = ImageDraw.Draw(picture)

    def to_pixels(points: list[geometry.Point]) -> list[geometry.Point]:
        return [(margin + (x - low_x) * scale, size[1] - margin - (y - low_y) * scale) for x, y in points]

    def stroke(points: list[geometry.Point], kind: str, width: int, *, close: bool = False) -> None:
        line = to_pixels([*points, points[0]] if close else points)
        pen.line(line, fill=_PALETTE[kind], width=width * _OVERSAMPLING, joint="curve")

    cloth = Image.new("RGB", (1, 1), str(garment.material(shape.material).get("color", "#b4b4b4")))
    pale = Image.blend(cloth, Image.new("RGB", (1, 1), "white"), _PALE).getpixel((0, 0))
    pen.polygon(to_pixels(shape.cut_line()), fill=pale)
    stroke(shape.cut_line(), "cut", 2, close=True)
    stroke(shape.outline(), "sew", 1, close=True)
    for internal in shape.internal_lines:
        stroke(internal.polyline(), "internal", 1)
    if shape.fold:
        stroke(shape.fold, "mirror", 2)
    if len(shape.grainline) >= 2:
        stroke(shape.grainline, "grain", 2)
    small = picture.resize((size[0] // _OVERSAMPLING, size[1] // _OVERSAMPLING), Image.Resampling.BOX)
    metadata = PngInfo()
    metadata.add_text("Software", SOFTWARE)
    metadata.add_text("Title", shape.name)
    buffer = io.BytesIO()
    small.save(buffer, "PNG", pnginfo=metadata, dpi=(per_cm * 2.54, per_cm * 2.54))
    return buffer.getvalue()


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=False) + "\n").encode("utf-8")
