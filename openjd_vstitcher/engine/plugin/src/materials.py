"""Reads and replaces materials: U3M documents, or the older form with `diffuse` of versions around 2021.

https://github.com/vizoogmbh/u3m describes .u3m (JSON with its files beside it) and .u3ma (a zip of both).
"""

import atexit
import copy
import json
import os
import shutil
import tempfile
import zipfile

from . import files
from .api import Failure

FILES = (".u3m", ".u3ma")
WIDTH_MM = 200.0
_MM_PER_INCH = 25.4


def name_of(document):
    """The name of a material."""
    inner = document.get("material")
    return str((inner if isinstance(inner, dict) else document).get("name", ""))


def is_artwork(document):
    """True if a material says that it is an artwork."""
    inner = document.get("material")
    physics = (inner if isinstance(inner, dict) else {}).get("physics") or {}
    return (physics.get("material_type") or {}).get("type") == "Artwork"


def replace(garment, colorway, material, path):
    """Replace a material by a .u3m or .u3ma, or its texture by an image. Returns False if it reads as before."""
    bw = garment.bw
    before = bw.MaterialGet(garment.id, colorway, material)
    if path.lower().endswith(FILES):
        _replace_whole(garment, colorway, material, path)
    else:
        _replace_texture(garment, colorway, material, json.loads(before), path)
    return bw.MaterialGet(garment.id, colorway, material) != before


def _replace_whole(garment, colorway, material, path):
    bw = garment.bw
    if bw.has("MaterialUpdateFromFile"):
        bw.MaterialUpdateFromFile(garment.id, colorway, material, _zipped(path))
        return
    imported = bw.MaterialImport(garment.id, colorway, path)
    if not imported:
        raise Failure("the engine imported no material from %s" % os.path.basename(path))
    bw.MaterialUpdate(garment.id, colorway, material, bw.MaterialGet(garment.id, colorway, imported[0]))
    for unused in imported:
        bw.MaterialDelete(garment.id, colorway, unused)


def _replace_texture(garment, colorway, material, document, path):
    bw, inner = garment.bw, document.get("material")
    if isinstance(inner, dict) and isinstance(inner.get("front"), dict):
        changed = copy.deepcopy(document)
        image = _set_image(changed["material"]["front"], path)
        if bw.has("MaterialUpdateFromFile"):
            image["path"] = os.path.basename(path)
            bw.MaterialUpdateFromFile(garment.id, colorway, material, _pack(json.dumps(changed), [path]))
            return
    elif isinstance(document.get("diffuse"), dict):
        changed = copy.deepcopy(document)
        texture = changed["diffuse"].get("texture_map") or {}
        changed["diffuse"]["texture_map"] = dict(texture, image_path=path)
    else:
        raise Failure("material %s has neither the form of U3M nor the one with diffuse" % material)
    bw.MaterialUpdate(garment.id, colorway, material, json.dumps(changed))


def _set_image(front, path):
    """Put an image into the base color of a U3M document. Returns its entry."""
    base = front.setdefault("basecolor", {})
    texture = base.get("texture") or {"mode": "multiply", "factor": 1.0}
    before = texture.get("image") or {}
    width = float(before.get("width") or WIDTH_MM)
    pixels, lines = files.png_size(path) if path.lower().endswith(".png") else (1, 1)
    dots = round(pixels / width * _MM_PER_INCH, 2)
    image = {
        "path": path,
        "width": width,
        "height": round(width * lines / pixels, 3),
        "dpi": before.get("dpi") or {"x": dots, "y": dots},
        "repeat": before.get("repeat") or {"mode": "normal", "rotation": 0},
    }
    base["texture"] = dict(texture, image=image)
    return image


def _zipped(path):
    """A .u3ma for a .u3m, which is packed with the files beside it that it names."""
    if path.lower().endswith(".u3ma"):
        return path
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        named = set(_paths(json.loads(text)))
    except ValueError as error:
        raise Failure("%s is not a U3M document" % os.path.basename(path)) from error
    beside = [os.path.join(os.path.dirname(path), *name.replace("\\", "/").split("/")) for name in sorted(named)]
    return _pack(text, [file for file in beside if os.path.isfile(file)], os.path.dirname(path))


def _paths(value):
    if isinstance(value, dict):
        for key in value:
            if key == "path" and isinstance(value[key], str):
                yield value[key]
            else:
                yield from _paths(value[key])
    elif isinstance(value, list):
        for item in value:
            yield from _paths(item)


def _pack(document, named, folder=None):
    """Write a .u3ma to a folder that lives as long as the engine, which may go on reading it."""
    target = tempfile.mkdtemp(prefix="openjd-material-")
    atexit.register(shutil.rmtree, target, True)
    path = os.path.join(target, "material.u3ma")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("material.u3m", document)
        for file in named:
            archive.write(file, os.path.relpath(file, folder) if folder else os.path.basename(file))
    return path
