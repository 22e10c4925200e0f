"""Materials as U3M documents (1.1 written, 1.0 read too), and as `.u3m` and `.u3ma` files.

https://github.com/vizoogmbh/u3m
"""

from __future__ import annotations

import copy
import json
import shutil
import uuid
import zipfile
from pathlib import Path
from typing import Any

from . import materials
from .codes import ApiError, Code

SCHEMA = "1.1"
_DATE = "2024-01-01T00:00:00Z"
_MAX_BYTES = 256 * 2**20
_MM_PER_CM = 10.0
_DPI = 300.0
_TYPES = {"artwork": "Artwork", "seam": "Seam", "trim3d": "other", "trim": "other", "trim_edge": "other"}
_BASE = {"mode": "multiply", "factor": 1.0}


def document(material: dict[str, Any]) -> dict[str, Any]:
    """A material as a U3M document. What the stand-in does not know of it is as it came in."""
    told = copy.deepcopy(material.get("u3m") or {})
    inner = told.setdefault("material", {})
    name = str(material["name"])
    inner.setdefault("id", str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:openjd-vstitcher:material:{name}")))
    inner.setdefault("description", "")
    inner.setdefault("created", _DATE)
    inner.setdefault("modified", _DATE)
    front = inner.get("front") or {}
    front["basecolor"] = _basecolor(material, front.get("basecolor") or {})
    front["roughness"] = {**(front.get("roughness") or {"texture": None}), "constant": material["roughness"]}
    front["metalness"] = {**(front.get("metalness") or {"texture": None}), "constant": material["metallic"]}
    inner |= {"name": name, "front": front, "physics": _physics(material, inner.get("physics") or {})}
    for side in ("back", "side", "metadata"):
        inner.setdefault(side, None)
    return {**told, "schema": SCHEMA, "custom": told.get("custom") or {}, "material": inner}


def _basecolor(material: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    texture = material.get("texture")
    shown: dict[str, Any] | None = None
    if texture:
        width = float(texture.get("width_cm") or materials.DEFAULT_WIDTH_CM)
        image = {
            "path": texture["path"],
            "width": round(width * _MM_PER_CM, 4),
            "height": round(float(texture.get("height_cm") or 0) * _MM_PER_CM, 4) or None,
            "dpi": {"x": _DPI, "y": _DPI},
            "repeat": {"mode": "normal", "rotation": 0},
        }
        before: dict[str, Any] = told.get("texture") or {}
        shown = {**_BASE, **before, "image": {**image, **_kept(before.get("image") or {}, image)}}
    rgb = materials.rgb(str(material["color"]))
    constant = {axis: round(value / 255, 6) for axis, value in zip("rgb", rgb, strict=True)}
    return {**told, "constant": constant, "texture": shown}


def _kept(before: dict[str, Any], image: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in before.items() if key not in image or key in ("dpi", "repeat")}


def _physics(material: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    known = {
        "thickness": material["thickness_mm"],
        "weight": material["weight_gsm"],
        "composition": {"parts": [{"name": material["composition"], "share": 100}] if material["composition"] else []},
        "material_type": {**(told.get("material_type") or {}), "type": _TYPES.get(material["type"], "Knit")},
        "construction": told.get("construction"),
        "devices": told.get("devices") or {"fab": None},
    }
    if told.get("composition") and not material["composition"]:
        known["composition"] = told["composition"]
    return {**told, **known}


def parse(data: Any, folder: Path | None, before: dict[str, Any] | None = None) -> dict[str, Any]:
    """A material from a whole U3M document.

    Parameters
    ----------
    folder: where relative paths of images start; None if they must be absolute.
    before: the material that it replaces, whose kind, items and placements stay.

    Raises
    ------
    ApiError: it is not a U3M document, it cannot be drawn, or a texture cannot be opened.
    """
    inner = data.get("material") if isinstance(data, dict) else None
    if not isinstance(inner, dict) or not inner.get("name") or not isinstance(inner.get("front"), dict):
        raise ApiError(Code.INVALID_JSON, "not a whole U3M document: it lacks material.name or material.front")
    kind = ((inner.get("physics") or {}).get("material_type") or {}).get("type")
    read = {"type": {"Artwork": "artwork", "Seam": "seam"}.get(str(kind), "fabric"), "placements": []}
    kept = {key: value for key, value in (before or {}).items() if key in ("type", "placements", "items")}
    try:
        flat = {**materials.DEFAULTS, **read, **kept, **_look(inner, folder), "u3m": copy.deepcopy(data)}
        materials.check_material(flat)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ApiError(Code.INVALID_ARGUMENT, f"a value of the U3M document is missing or invalid: {error}") from None
    if flat["texture"]:
        from .textures import check_picture

        check_picture(Path(flat["texture"]["path"]))
    return flat


def _look(inner: dict[str, Any], folder: Path | None) -> dict[str, Any]:
    front, physics = inner["front"], inner.get("physics") or {}
    base = front.get("basecolor") or {}
    constant = base.get("constant") or {"r": 1, "g": 1, "b": 1}
    parts = (physics.get("composition") or {}).get("parts") or []
    return {
        "name": str(inner["name"]),
        "color": materials.hexadecimal([float(constant[axis]) * 255 for axis in "rgb"]),
        "roughness": float((front.get("roughness") or {}).get("constant", materials.DEFAULTS["roughness"])),
        "metallic": float((front.get("metalness") or {}).get("constant", materials.DEFAULTS["metallic"])),
        "composition": ", ".join(str(part.get("name", "")) for part in parts),
        "weight_gsm": float(physics.get("weight") or 0),
        "thickness_mm": float(physics.get("thickness") or 0),
        "texture": _texture(base.get("texture"), folder),
    }


def _texture(texture: Any, folder: Path | None) -> dict[str, Any] | None:
    image = texture.get("image") if texture else None
    if not image:
        return None
    path = Path(str(image["path"]))
    if folder is not None and not path.is_absolute():
        path = (folder / path).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise ValueError(f"image.path leaves the material: {image['path']}")
    elif not path.is_absolute():
        raise ValueError(f"image.path must be absolute: {image['path']}")
    width = float(image.get("width") or materials.DEFAULT_WIDTH_CM * _MM_PER_CM) / _MM_PER_CM
    height = float(image["height"]) / _MM_PER_CM if image.get("height") else None
    return {"path": str(path), "width_cm": width, **({"height_cm": height} if height else {})}


def without_image(data: dict[str, Any] | None) -> dict[str, Any] | None:
    """A U3M document without the paths of its base colour's picture."""
    stripped = copy.deepcopy(data)
    texture = (((stripped or {}).get("material") or {}).get("front") or {}).get("basecolor") or {}
    image = (texture.get("texture") or {}).get("image")
    if isinstance(image, dict):
        image.pop("path", None)
    return stripped


def read(path: Path, scratch: Path, before: dict[str, Any] | None = None) -> dict[str, Any]:
    """Read a `.u3m` with its files beside it, or a `.u3ma`.

    Parameters
    ----------
    scratch: a folder that the files of a `.u3ma` may be unpacked into.
    before: as in `parse`.

    Raises
    ------
    ApiError: it cannot be read or is not a material.
    """
    try:
        if path.suffix.lower() == ".u3ma":
            folder = scratch / f"u3ma-{len(list(scratch.iterdir()))}"
            source = _unpacked(path, folder)
        else:
            source = path
        data = json.loads(source.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ApiError(Code.CANNOT_READ, f"{path}: {error!r}") from error
    return parse(data, source.parent, before)


def _unpacked(path: Path, folder: Path) -> Path:
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > _MAX_BYTES:
            raise ValueError(f"decompresses to more than {_MAX_BYTES} bytes")
        archive.extractall(folder)
    found = sorted(folder.rglob("*.u3m"))
    if len(found) != 1:
        raise ValueError(f"expected one .u3m in it, found {len(found)}")
    return found[0]


def write(material: dict[str, Any], path: Path) -> None:
    """Write a `.u3m` with its texture beside it, or a `.u3ma`; OSError if that fails."""
    data = document(material)
    texture = (material.get("texture") or {}).get("path")
    name = f"{path.stem}_basecolor{Path(texture).suffix}" if texture else ""
    if texture:
        data["material"]["front"]["basecolor"]["texture"]["image"]["path"] = name
    text = json.dumps(data, indent=1)
    if path.suffix.lower() == ".u3ma":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(zipfile.ZipInfo(f"{path.stem}.u3m"), text)
            if texture:
                with Path(texture).open("rb") as picture, archive.open(zipfile.ZipInfo(name), "w") as entry:
                    shutil.copyfileobj(picture, entry)
        return
    path.write_text(text, encoding="utf-8")
    if texture:
        shutil.copyfile(texture, path.with_name(name))
