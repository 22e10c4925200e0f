"""Loads garments: `.bw` files written by the stand-in, the sample's pattern JSON, and plain meshes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ..errors import InvalidInput
from ..garment import GarmentFile, check_garment, open_garment
from . import materials
from .bw_format import PACKED
from .codes import ApiError, Code
from .document import from_document
from .model import (
    Cluster,
    Colorway,
    Garment,
    Line,
    Ruler,
    RulerElement,
    Shape,
    Size,
    Snapshot,
    Stitch,
    StitchEnd,
    Trim,
)

_LARGEST_TRIM_CM = 50.0


def open_file(path: Path, scratch: Path) -> Garment:
    """Load a garment from a `.bw`, `.glb` or `.obj` file.

    Parameters
    ----------
    scratch: a folder that the textures of a `.bw` may be unpacked into.

    Raises
    ------
    ApiError: the file is not a garment, or only VStitcher can open it.
    """
    try:
        if path.suffix.lower() == ".bw":
            return _from_bw(open_garment(path), scratch)
        check_garment(path)
    except InvalidInput as error:
        raise ApiError(Code.CANNOT_READ, str(error)) from error
    if path.suffix.lower() not in (".glb", ".obj"):
        raise ApiError(Code.NOT_SUPPORTED, f"{path}: the stand-in can only open .bw, .glb and .obj files")
    return _from_mesh(path)


def _from_bw(file: GarmentFile, scratch: Path) -> Garment:
    if file.document is None:
        raise ApiError(Code.NOT_SUPPORTED, f"{file.path}: written by VStitcher; only VStitcher can open it")
    rulers = [
        Ruler(
            number,
            ruler.name,
            [
                RulerElement(c.shape, c.edge, -1 if c.internal_line is None else c.internal_line)
                for c in ruler.components
            ],
        )
        for number, ruler in enumerate(file.rulers, start=1)
    ]
    try:
        garment = from_document(file.document)
        _unpack_textures(garment, file, scratch)
        _check(garment)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ApiError(Code.CANNOT_READ, f"{file.path}: its garment section is corrupt ({error!r})") from error
    garment.rulers = rulers
    garment.model = file.read("garment", ".glb") or b""
    garment.avatar = file.read("avatar", ".glb") or b""
    preview = file.preview()
    garment.preview = preview[1] if preview else b""
    return garment


def _unpack_textures(garment: Garment, file: GarmentFile, scratch: Path) -> None:
    """Write the textures that are in the file to a folder of their own; any other path is dropped unread."""
    folder: Path | None = None
    for colorway in garment.colorways:
        for material in colorway.materials.values():
            texture = material.get("texture")
            material["texture"] = None
            told = str(texture["path"]) if texture else ""
            packed = Path(told.removeprefix(PACKED))
            if not texture or not told.startswith(PACKED) or packed.name != str(packed):
                continue
            content = file.read(packed.stem, packed.suffix)
            if content is None:
                raise ValueError(f"{packed} is missing")
            folder = folder or Path(tempfile.mkdtemp(dir=scratch))
            (folder / packed.name).write_bytes(content)
            material["texture"] = {**texture, "path": str(folder / packed.name)}


def _check(garment: Garment) -> None:
    """Check that every part of an untrusted file can be drawn.

    Raises
    ------
    ValueError, TypeError: a part cannot be drawn.
    """
    for colorway in garment.colorways:
        for material in colorway.materials.values():
            materials.check_material(material)
        _number_placements(colorway)
    for _, trim in garment.trims():
        if not (0 < trim.width_cm <= _LARGEST_TRIM_CM and 0 < trim.height_cm <= _LARGEST_TRIM_CM):
            raise ValueError(f"a trim of {trim.width_cm} x {trim.height_cm} cm")


def _number_placements(colorway: Colorway) -> None:
    """Give the placements of a colorway the ids that material containers have."""
    placed = [place for material in colorway.materials.values() for place in material.get("placements", [])]
    for number, place in enumerate(placed, start=1):
        place.setdefault("id", number)


def _from_mesh(path: Path) -> Garment:
    from .meshes import load_meshes

    content = path.read_bytes()
    kind = path.suffix.lower().lstrip(".")
    try:
        meshes = load_meshes(content, kind)
    except ValueError as error:
        raise ApiError(Code.CANNOT_READ, f"{path}: {error}") from error
    looks: dict[str, tuple[int, dict[str, Any]]] = {}
    shapes = []
    for number, mesh in enumerate(meshes, start=1):
        name = str(mesh.material.get("name", "material"))
        material_id, _ = looks.setdefault(name, (len(looks) + 1, {**materials.DEFAULTS, **mesh.material}))
        shapes.append(Shape(number, mesh.name, material_id, mesh=mesh.name))
    return Garment(
        name=path.stem,
        shapes=shapes,
        colorways=[Colorway(1, "Default", dict(looks.values()))],
        sizes=[Size(1, "M")],
        model=content,
        model_type=kind,
    )


def from_pattern(pattern: dict[str, Any], trims: dict[str, Any], model: bytes, avatar: bytes) -> Garment:
    """Build the sample garment from its pattern file and the trims and artworks of this project.

    Parameters
    ----------
    pattern: the content of `tee.pattern.json`.
    trims: the content of `tee.trims.json`: materials, trims, artworks and clusters that the pattern lacks.
    model: a GLB file of the draped pieces, with the names of the pattern's pieces.
    avatar: a GLB file of the body.
    """
    fabrics = {m["name"]: m for m in pattern["materials"]}
    others = {m["name"]: m for m in trims["materials"]}
    shapes = [_piece(piece, fabrics[piece["material"]]["id"]) for piece in pattern["pieces"]]
    by_id = {shape.id: shape for shape in shapes}
    for symmetry in pattern["symmetry"]:
        shape = by_id[symmetry["piece"]]
        if symmetry["kind"] == "mirror":
            shape.parent = symmetry["source"]
        else:
            shape.fold = [(float(x), float(y)) for x, y in symmetry["axis"]]
    shapes += [
        Shape(
            t["id"],
            t["name"],
            others[t["material"]]["id"],
            trim=Trim(**{**t["trim"], "center": tuple(t["trim"]["center"])}),
        )
        for t in trims["trims"]
    ]
    sizes = [Size(n, s["size"], (s["x"], s["y"])) for n, s in enumerate(pattern["grading"]["sizes"], start=1)]
    base = next(size.id for size in sizes if size.name == pattern["grading"]["base"])
    return Garment(
        name=pattern["name"],
        shapes=shapes,
        colorways=[_colorway(c, fabrics, others) for c in pattern["colorways"]],
        stitches=[Stitch(s["id"], s["name"], _end(s["a"]), _end(s["b"])) for s in pattern["stitches"]],
        clusters=[Cluster(**cluster) for cluster in trims["clusters"]],
        sizes=sizes,
        rulers=[Ruler(r["id"], r["name"], [_element(e) for e in r["edges"]]) for r in pattern["rulers"]],
        snapshots=[
            Snapshot(
                f"snapshot-{s['id']}",
                s["name"],
                s["colorway"],
                next(size.id for size in sizes if size.name == s["size"]),
                trims["created_date"],
            )
            for s in pattern["snapshots"]
        ],
        base_size=base,
        current_size=base,
        current_colorway=pattern["default_colorway"],
        model=model,
        avatar=avatar,
    )


def _piece(piece: dict[str, Any], material: int) -> Shape:
    def line(d: dict[str, Any], allowance: float) -> Line:
        return Line(d["id"], d["name"], d["kind"], [(float(x), float(y)) for x, y in d["points"]], allowance)

    return Shape(
        id=piece["id"],
        name=piece["name"],
        material=material,
        origin=(float(piece["origin"][0]), float(piece["origin"][1])),
        grainline=[(float(x), float(y)) for x, y in piece["grainline"]],
        edges=[line(e, piece["seam_allowance_cm"]) for e in piece["edges"]],
        internal_lines=[line(e, 0.0) for e in piece.get("internal_lines", [])],
        mesh=piece["name"],
    )


def _colorway(colorway: dict[str, Any], fabrics: dict[str, Any], others: dict[str, Any]) -> Colorway:
    looks = {}
    for name, material in {**fabrics, **others}.items():
        look = {key: value for key, value in material.items() if key not in ("id", "base_color", "kind")}
        color = colorway["colors"].get(name) or material.get("color") or material["base_color"]
        looks[material["id"]] = {**materials.DEFAULTS, **look, "color": color}
    return Colorway(colorway["id"], colorway["name"], looks)


def _end(side: dict[str, Any]) -> StitchEnd:
    return StitchEnd(side["piece"], side["edge"], side["reversed"])


def _element(element: dict[str, Any]) -> RulerElement:
    if element["internal"]:
        return RulerElement(element["piece"], -1, element["edge"])
    return RulerElement(element["piece"], element["edge"])
