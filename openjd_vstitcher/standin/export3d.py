"""Writes the garment as glTF or OBJ through trimesh."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .codes import ApiError, Code
from .glb import ALPHA_MODES, PBR_MODELS, with_looks

if TYPE_CHECKING:
    from .host import Host
    from .model import Garment
    from .parts import Part

PIECES = ("per_piece", "per_piece_square", "all_pieces_bounding_box", "all_pieces_square")
DPI = 76.2
"""Dots per inch of pictures without `layout.dpi`."""


def export_3d(host: Host, garment: Garment, options: dict[str, Any]) -> None:
    """Write the 3D file that an `export_3d_object.json` describes, in metres times `scale`.

    Raises
    ------
    ApiError: an option is invalid, the format is not supported, the garment has no meshes, or writing failed.
    """
    from .parts import garment_parts

    kind = str(options.get("3d_format", "gltf")).lower()
    path = Path(str(options.get("path", "")))
    if kind not in ("gltf", "glb", "obj"):
        raise ApiError(Code.NOT_SUPPORTED, f"the stand-in writes glb and obj, not {kind!r}")
    up_axis = str(options.get("up_axis", "y")).lower()
    if up_axis not in ("y", "z"):
        raise ApiError(Code.INVALID_ARGUMENT, f"up_axis must be y or z, not {up_axis!r}")
    pbr_model = options.get("pbr_model", PBR_MODELS[0])
    alpha_mode = str(options.get("alpha_mode", "opaque")).upper()
    if pbr_model not in PBR_MODELS or alpha_mode not in ALPHA_MODES:
        raise ApiError(Code.INVALID_ARGUMENT, f"unknown pbr_model {pbr_model!r} or alpha_mode {alpha_mode!r}")
    dpi = _layout_dpi(options.get("layout") or {})
    parts = garment_parts(garment, include_avatar=bool(options.get("include_avatar")), px_per_cm=dpi / 2.54)
    if not parts:
        raise ApiError(Code.RENDER_FAILED, "the garment has no meshes")
    try:
        scale = float(options.get("scale", 1))
    except (TypeError, ValueError):
        raise ApiError(Code.INVALID_ARGUMENT, "scale must be a number") from None
    scene = _scene(parts, scale / 100.0, up_axis, names=bool(options.get("use_pattern_pieces_names", True)))
    try:
        if kind == "obj":
            _write_obj(scene, path)
        else:
            content = with_looks(scene.export(file_type="glb"), pbr_model, alpha_mode)
            host.misbehaviour.write(path, content)
    except OSError as error:
        raise ApiError(Code.CANNOT_WRITE, f"{path}: {error}") from error


def _layout_dpi(layout: dict[str, Any]) -> float:
    """The dots per inch of the pictures; ApiError for a layout that VStitcher does not have."""
    native = layout.get("layout_type", "layout_uv") == "native_uv"
    piece = layout.get("piece", PIECES[0])
    if not native and (layout.get("layout_type", "layout_uv") != "layout_uv" or piece not in PIECES):
        raise ApiError(Code.INVALID_ARGUMENT, f"unknown layout {layout!r}")
    if layout.get("file_format", "png") not in ("png", "jpg"):
        raise ApiError(Code.INVALID_ARGUMENT, "file_format must be png or jpg for glTF")
    dpi = layout.get("dpi", DPI)
    if isinstance(dpi, bool) or not isinstance(dpi, int | float) or not 50 <= dpi <= 400:
        raise ApiError(Code.INVALID_ARGUMENT, f"layout.dpi must be 50 to 400, not {dpi!r}")
    return float(dpi)


def _scene(parts: list[Part], scale: float, up_axis: str, *, names: bool) -> Any:
    import trimesh

    from .meshes import y_up

    scene = trimesh.Scene()
    for number, part in enumerate(parts, start=1):
        mesh = part.mesh
        orient = y_up if up_axis == "y" else (lambda vectors: vectors)
        uv = None
        if mesh.uv is not None:
            uv = mesh.uv * (0.01, -0.01) + (0, 1) if part.picture is None else mesh.uv
        geometry = trimesh.Trimesh(
            vertices=orient(mesh.vertices) * scale,
            faces=mesh.faces,
            vertex_normals=orient(mesh.normals),
            visual=trimesh.visual.TextureVisuals(uv=uv, material=_material(part)),
            process=False,
        )
        name = part.name if names else f"{part.kind}_{number}"
        scene.add_geometry(geometry, node_name=name, geom_name=name)
    return scene


def _material(part: Part) -> Any:
    from PIL import Image
    from trimesh.visual.material import PBRMaterial

    from .rendering import linear_color

    look = part.material
    color = [1.0, 1.0, 1.0, 1.0]
    if part.picture is None:
        color[:3] = linear_color(str(look.get("color", "#b4b4b4")))
    return PBRMaterial(
        name=str(look.get("name", "material")),
        baseColorFactor=color,
        baseColorTexture=Image.fromarray(part.picture) if part.picture is not None else None,
        roughnessFactor=float(look.get("roughness", 0.85)),
        metallicFactor=float(look.get("metallic", 0.0)),
        doubleSided=True,
    )


def _write_obj(scene: Any, path: Path) -> None:
    from trimesh.exchange.obj import export_obj

    text, files = export_obj(
        scene, return_texture=True, mtl_name=f"{path.stem}.mtl", header="openjd-vstitcher stand-in"
    )
    path.write_text(text, encoding="utf-8", newline="\n")
    for name, content in files.items():
        (path.parent / name).write_bytes(content)
