"""MEDIA_3D_SCENE: the garment in 3D (glb, fbx, bwo)."""

import json
import os

FORMATS = {".glb": "gltf", ".fbx": "fbx", ".bwo": "bwo"}


def export(request):
    """Write the 3D object; the file extension determines the format."""
    extension = os.path.splitext(request.name)[1].lower()
    part = request.part(request.name)
    request.garment.dress()
    if request.instruction.get("dpi"):
        request.limited("dpi", request.instruction["dpi"], None, "the engine's 3D export has no documented resolution")
    options = {
        "3d_format": FORMATS[extension],
        "path": part,
        "up_axis": "y",
        "scale": 1,
        "use_pattern_pieces_names": True,
        "layout": {"layout_type": "layout_uv", "piece": "per_piece"},
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
