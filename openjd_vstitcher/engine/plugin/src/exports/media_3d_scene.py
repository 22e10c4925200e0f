"""MEDIA_3D_SCENE: the garment in 3D (glb, fbx, bwo)."""

import json
import os

DPI = (50, 400)
FORMATS = {".glb": "gltf", ".fbx": "fbx", ".bwo": "bwo"}


def export(request):
    """Write the 3D object; the file extension determines the format."""
    extension = os.path.splitext(request.name)[1].lower()
    part = request.part(request.name)
    yield from request.garment.drape.dress(request.check_canceled)
    options = {
        "3d_format": FORMATS[extension],
        "path": part,
        "up_axis": "y",
        "scale": 1,
        "use_pattern_pieces_names": True,
        "layout": _layout(request),
        "export_inside": True,
        "export_thickness": True,
        "include_avatar": bool(request.instruction.get("include_avatar", False)),
        "alpha_mode": "mask",
        "pbr_model": "metallic_roughness",
    }
    request.stage("export")
    request.bw.RenderExport3DObject(request.garment.id, json.dumps(options))
    yield from request.wait_until_whole(part)
    request.publish(part, request.name)


def _layout(request):
    """One picture for each piece, with the dots per inch of the instruction within what the engine allows."""
    layout = {"layout_type": "layout_uv", "piece": "per_piece", "file_format": "png"}
    asked = request.instruction.get("dpi")
    if asked:
        layout["dpi"] = min(max(round(asked), DPI[0]), DPI[1])
        if layout["dpi"] != asked:
            request.limited("dpi", asked, layout["dpi"], "the engine's 3D export takes %d to %d" % DPI)
    return layout
