"""The stand-in's 3D files and tech packs, read back with third-party libraries."""

from __future__ import annotations

import io
import json
import math

import ezdxf
import numpy as np
import pytest
import trimesh
from PIL import Image

from openjd_vstitcher.resources import resource
from openjd_vstitcher.standin.codes import Code
from openjd_vstitcher.standin.rendering import linear_color

from ..standin_api import open_program

PATTERN = json.loads(resource("examples/garments/tee.pattern.json").read_text(encoding="utf-8"))
PIECES = [piece["name"] for piece in PATTERN["pieces"]]
BLOCKS = ["FRONT", "BACK", "SLEEVE-LEFT", "SLEEVE-RIGHT", "NECK-RIB"]


@pytest.fixture
def tee(monkeypatch):
    """The sample garment. Renders in its tech packs are tiny, because other tests cover renders."""
    monkeypatch.setattr("openjd_vstitcher.standin.techpack._PICTURE_PX", (16, 20))
    return open_program()


def export(tee, path, **options):
    tee.api.RenderExport3DObject(tee.g, json.dumps({"3d_format": "gltf", "path": str(path), **options}))
    return tee.api.GetLastError()


def techpack(tee, folder, name="tp-p2f-renders"):
    tee.api.GarmentTechpackExport(tee.g, name, str(folder))
    assert tee.api.GetLastError() == 0
    return json.loads((folder / "output.json").read_text(encoding="utf-8"))


def test_glb_is_the_draped_garment_with_its_trims(tee, tmp_path):
    assert export(tee, tmp_path / "x.glb") == 0
    scene = trimesh.load(tmp_path / "x.glb")
    assert set(PIECES) | {"Hem Label", "Shoulder Button 1"} <= set(scene.geometry)
    source = trimesh.load(resource("examples/garments/tee.glb"))
    for name in PIECES:
        mesh, original = scene.geometry[name], source.geometry[name]
        assert np.allclose(mesh.bounds, original.bounds, atol=1e-5)
        assert np.allclose(mesh.visual.uv, original.visual.uv, atol=1e-5)
        assert mesh.area == pytest.approx(original.area, rel=1e-5)
    expected = [round(v * 255) for v in linear_color("#5b7f95")]
    assert np.allclose(scene.geometry["Front"].visual.material.baseColorFactor[:3], expected, atol=2)
    assert scene.geometry["Front"].visual.material.doubleSided


def test_glb_follows_colorway_avatar_names_scale_and_axis(tee, tmp_path):
    tee.api.ColorwayCurrentSet(tee.g, 3)
    options = {"include_avatar": True, "scale": 100, "up_axis": "z", "use_pattern_pieces_names": False}
    assert export(tee, tmp_path / "x.glb", **options) == 0
    scene = trimesh.load(tmp_path / "x.glb")
    assert "piece_1" in scene.geometry
    assert any(name.startswith("avatar") for name in scene.geometry)
    low, high = scene.bounds
    assert (high - low)[2] == pytest.approx(94, abs=1)
    expected = [round(v * 255) for v in linear_color("#9c4a38")]
    assert np.allclose(scene.geometry["piece_5"].visual.material.baseColorFactor[:3], expected, atol=2)


def test_glb_has_no_deleted_trims(tee, tmp_path):
    tee.delete_trims()
    export(tee, tmp_path / "x.glb")
    assert set(trimesh.load(tmp_path / "x.glb").geometry) == set(PIECES)


def test_trims_touch_the_cloth_they_are_sewn_on(tee, tmp_path):
    export(tee, tmp_path / "x.glb")
    scene = trimesh.load(tmp_path / "x.glb")
    cloth = scene.geometry["Front"].vertices
    for name in ("Shoulder Button 1", "Shoulder Button 2", "Hem Label"):
        center = scene.geometry[name].vertices.mean(axis=0)
        assert np.linalg.norm(cloth - center, axis=1).min() < 0.012
        assert center[0] > 0.1


def test_artwork_goes_into_the_glb(tee, tmp_path):
    Image.new("RGBA", (40, 40), (255, 0, 0, 255)).save(tmp_path / "art.png")
    assert tee.set_texture(1, 5, tmp_path / "art.png") == 0
    export(tee, tmp_path / "x.glb")
    scene = trimesh.load(tmp_path / "x.glb")
    assert scene.geometry["Back"].visual.material.baseColorTexture is not None
    assert scene.geometry["Front"].visual.material.baseColorTexture is None


def test_glb_has_the_model_the_alpha_mode_and_the_dots_per_inch_that_were_asked_for(tee, tmp_path):
    Image.new("RGBA", (40, 40), (255, 0, 0, 255)).save(tmp_path / "art.png")
    tee.set_texture(1, 5, tmp_path / "art.png")
    sizes = {}
    for dpi in (50, 60):
        layout = {"layout_type": "layout_uv", "piece": "per_piece", "dpi": dpi}
        options = {"pbr_model": "specular_glossiness", "alpha_mode": "mask", "layout": layout}
        assert export(tee, tmp_path / "x.glb", **options) == 0
        content = (tmp_path / "x.glb").read_bytes()
        length = int.from_bytes(content[12:16], "little")
        document = json.loads(content[20 : 20 + length])
        assert document["extensionsUsed"] == ["KHR_materials_pbrSpecularGlossiness"]
        looks = [m["extensions"]["KHR_materials_pbrSpecularGlossiness"] for m in document["materials"]]
        assert {m["alphaMode"] for m in document["materials"]} == {"MASK"}
        assert any("diffuseTexture" in look for look in looks)
        picture = Image.open(io.BytesIO(image_of(document, content[28 + length :])))
        sizes[dpi] = picture.width
    assert sizes[60] == pytest.approx(1.2 * sizes[50], abs=2)


def image_of(document, binary):
    """The bytes of a scene's first picture."""
    view = document["bufferViews"][document["images"][0]["bufferView"]]
    return binary[view.get("byteOffset", 0) :][: view["byteLength"]]


def test_obj_with_its_materials(tee, tmp_path):
    assert export(tee, tmp_path / "x.obj", **{"3d_format": "OBJ"}) == 0
    scene = trimesh.load(tmp_path / "x.obj", group_material=False)
    assert scene.bounds[1][1] == pytest.approx(1.527, abs=0.01)
    assert (tmp_path / "x.mtl").exists()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"3d_format": "FBX"}, Code.NOT_SUPPORTED),
        ({"3d_format": "bwo"}, Code.NOT_SUPPORTED),
        ({"up_axis": "x"}, Code.INVALID_ARGUMENT),
        ({"scale": "big"}, Code.INVALID_ARGUMENT),
        ({"pbr_model": "phong"}, Code.INVALID_ARGUMENT),
        ({"alpha_mode": "glass"}, Code.INVALID_ARGUMENT),
        ({"layout": {"piece": "one"}}, Code.INVALID_ARGUMENT),
        ({"layout": {"dpi": 401}}, Code.INVALID_ARGUMENT),
        ({"layout": {"file_format": "tiff"}}, Code.INVALID_ARGUMENT),
    ],
    ids=str,
)
def test_invalid_3d_exports_are_errors(tee, tmp_path, options, code):
    assert export(tee, tmp_path / "x.glb", **options) == code
    assert export(tee, tmp_path / "none" / "x.glb") == Code.CANNOT_WRITE


def test_techpack_is_complete_and_indexed(tee, tmp_path):
    index = techpack(tee, tmp_path)
    files = sorted(str(p.relative_to(tmp_path)).replace("\\", "/") for p in tmp_path.rglob("*") if p.is_file())
    assert files == sorted([*index["files"], "output.json"])
    assert index["preset"] == "tp-p2f-renders"
    assert [p["name"] for p in index["pieces"]] == PIECES
    assert [t["name"] for t in index["trims"]] == ["Shoulder Button 1", "Shoulder Button 2", "Hem Label"]
    for piece in index["pieces"]:
        with Image.open(tmp_path / piece["picture"]) as picture:
            assert picture.text["Software"].startswith("openjd-vstitcher stand-in")
    rulers = json.loads((tmp_path / "rulers.json").read_text(encoding="utf-8"))
    assert {r["name"]: r["length_cm"]["M"] for r in rulers}["Chest width"] == 54.4
    materials = json.loads((tmp_path / "materials.json").read_text(encoding="utf-8"))
    assert [c["name"] for c in materials] == ["Harbour", "Chalk", "Ringer Brick", "Pine"]
    assert materials[0]["materials"][0]["used_by"] == ["Front", "Back", "Sleeve Left", "Sleeve Right"]


def test_same_techpack_has_the_same_bytes(tee, tmp_path):
    techpack(tee, tmp_path / "1")
    techpack(open_program(), tmp_path / "2")
    for first in (tmp_path / "1").rglob("*.*"):
        second = tmp_path / "2" / first.relative_to(tmp_path / "1")
        assert first.read_bytes() == second.read_bytes(), first.name


def test_techpack_needs_a_preset_name_and_a_folder(tee, tmp_path):
    tee.api.GarmentTechpackExport(tee.g, "", str(tmp_path))
    assert tee.api.GetLastError() == Code.INVALID_ARGUMENT
    (tmp_path / "file").write_text("")
    tee.api.GarmentTechpackExport(tee.g, "dxf", str(tmp_path / "file"))
    assert tee.api.GetLastError() == Code.CANNOT_WRITE


def test_dxf_has_each_piece_as_a_block_with_its_kinds_of_lines(tee, tmp_path):
    index = techpack(tee, tmp_path)
    document = ezdxf.readfile(tmp_path / "pattern.dxf")
    assert not document.audit().errors
    assert document.header["$INSUNITS"] == 5
    assert [e.dxf.name for e in document.modelspace().query("INSERT")] == BLOCKS
    assert [p["block"] for p in index["pieces"]] == BLOCKS
    assert {layer.dxf.name for layer in document.layers} >= set(index["dxf_layers"])
    for piece, name in zip(PATTERN["pieces"], BLOCKS, strict=True):
        block = document.blocks[name]
        assert {"1", "4", "7", "8", "14", "15"} <= {e.dxf.layer for e in block}
        (cut,) = block.query('LWPOLYLINE[layer=="1"]')
        (sew,) = block.query('LWPOLYLINE[layer=="14"]')
        assert cut.closed
        assert sew.closed
        net, gross = polygon_area(sew), polygon_area(cut)
        allowance = piece["seam_allowance_cm"]
        perimeter = sum(edge["length_cm"] for edge in piece["edges"])
        assert gross - net == pytest.approx(perimeter * allowance, rel=0.06)
        texts = [t.dxf.text for t in block.query("TEXT")]
        assert f"PIECE NAME: {piece['name']}" in texts
        assert "SIZE: M" in texts


def polygon_area(line):
    points = [(p[0], p[1]) for p in line.get_points()]
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, [*points[1:], points[0]], strict=True)) / 2)


def test_cut_line_keeps_its_distance_from_the_sewing_line(tee, tmp_path):
    techpack(tee, tmp_path)
    document = ezdxf.readfile(tmp_path / "pattern.dxf")
    for name, allowance in zip(BLOCKS, (1.0, 1.0, 1.0, 1.0, 0.7), strict=True):
        (cut,) = document.blocks[name].query('LWPOLYLINE[layer=="1"]')
        (sew,) = document.blocks[name].query('LWPOLYLINE[layer=="14"]')
        sewing = [(p[0], p[1]) for p in sew.get_points()]
        segments = list(zip(sewing, [*sewing[1:], sewing[0]], strict=True))
        for x, y, *_ in cut.get_points():
            nearest = min(distance((x, y), a, b) for a, b in segments)
            assert allowance - 0.02 < nearest < allowance * 2.2


def distance(p, a, b):
    length = math.dist(a, b)
    t = max(0.0, min(1.0, ((p[0] - a[0]) * (b[0] - a[0]) + (p[1] - a[1]) * (b[1] - a[1])) / length**2))
    return math.dist(p, (a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])))


def test_removing_symmetry_shows_in_the_techpack(tee, tmp_path):
    before = {p["name"]: p for p in techpack(tee, tmp_path / "before")["pieces"]}
    assert (before["Sleeve Left"]["cut"], before["Sleeve Left"]["cut_mirrored"]) == (1, 1)
    assert (before["Sleeve Right"]["cut"], before["Sleeve Right"]["mirror_of"]) == (0, "Sleeve Left")
    assert before["Front"]["folded"]
    for shape in tee.garment.pieces():
        tee.garment.unlink(shape)
    after = {p["name"]: p for p in techpack(tee, tmp_path / "after")["pieces"]}
    assert (after["Sleeve Left"]["cut"], after["Sleeve Left"]["cut_mirrored"]) == (1, 0)
    assert (after["Sleeve Right"]["cut"], after["Sleeve Right"]["mirror_of"]) == (1, None)
    assert not after["Front"]["folded"]
    mirrors = {}
    for name in ("before", "after"):
        document = ezdxf.readfile(tmp_path / name / "pattern.dxf")
        mirrors[name] = [len(document.blocks[b].query('LWPOLYLINE[layer=="6"]')) for b in BLOCKS]
    assert mirrors == {"before": [1, 1, 0, 0, 1], "after": [0, 0, 0, 0, 0]}


def test_changed_allowance_moves_the_cut_line(tee, tmp_path):
    tee.shape(1).edge(1).seam_allowance = 3.0
    techpack(tee, tmp_path)
    (cut,) = ezdxf.readfile(tmp_path / "pattern.dxf").blocks["FRONT"].query('LWPOLYLINE[layer=="1"]')
    assert min(p[1] for p in cut.get_points()) == pytest.approx(4.0 - 3.0)


def test_deleted_trims_are_not_in_the_techpack(tee, tmp_path):
    tee.delete_trims()
    assert techpack(tee, tmp_path)["trims"] == []
    used = json.loads((tmp_path / "materials.json").read_text(encoding="utf-8"))[0]["materials"]
    assert [m["name"] for m in used] == ["Jersey 180", "Rib 1x1"]
