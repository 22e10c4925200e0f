"""Queries and changes of the stand-in's garment."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from openjd_vstitcher.resources import resource
from openjd_vstitcher.standin.codes import Code

from ..standin_api import TEE, open_program

PATTERN = json.loads(resource("examples/garments/tee.pattern.json").read_text(encoding="utf-8"))


@pytest.fixture
def tee():
    return open_program()


def test_pieces_match_the_pattern_and_trims_follow(tee):
    shapes = tee.info("shapes")
    assert [s["name"] for s in shapes if s["kind"] == "piece"] == [p["name"] for p in PATTERN["pieces"]]
    assert [s["name"] for s in shapes if s["kind"] == "trim"] == ["Shoulder Button 1", "Shoulder Button 2", "Hem Label"]


@pytest.mark.parametrize("piece", PATTERN["pieces"], ids=lambda p: p["name"])
def test_edges_and_allowances_match_the_pattern(tee, piece):
    edges = tee.api.ShapeEdgeIds(tee.g, piece["id"])
    assert edges == [edge["id"] for edge in piece["edges"]]
    allowances = {tee.api.EdgeSeamAllowanceGet(tee.g, piece["id"], edge) for edge in edges}
    assert allowances == {piece["seam_allowance_cm"]}


@pytest.mark.parametrize("ruler", PATTERN["rulers"], ids=lambda r: r["name"])
def test_ruler_lengths_match_the_pattern(tee, ruler):
    assert ruler["id"] in tee.api.RulerIds(tee.g)
    assert tee.api.RulerNameGet(tee.g, ruler["id"]) == ruler["name"]
    base = tee.api.SizeCurrentGet(tee.g)
    assert tee.api.RulerLengthGet(tee.g, ruler["id"], base) == pytest.approx(ruler["length_cm"], abs=0.05)


def test_graded_ruler_follows_the_scale_of_its_size(tee):
    sizes = {size["name"]: size for size in tee.info("sizes")}
    chest = tee.api.RulerLengthGet(tee.g, 1, sizes["XL"]["id"])
    assert chest == pytest.approx(54.4 * sizes["XL"]["scale"][0])


def test_new_ruler_adds_up_its_elements(tee):
    elements = [tee.api.Element(1, -1, 0, -1, 1), tee.api.Element(1, -1, 0, 12, -1)]
    ruler = tee.api.RulerCreate(tee.g, "Hem and centre", elements)
    assert tee.api.RulerLengthGet(tee.g, ruler, 3) == pytest.approx(54.0 + 61.8)
    assert tee.api.RulerCreate(tee.g, "nowhere", [tee.api.Element(1, -1, 0, -1, 77)]) == -1
    assert tee.api.GetLastError() == Code.NOT_FOUND


def test_unlinking_makes_a_mirrored_piece_independent(tee):
    assert tee.shape(4)["symmetry"] == {"kind": "mirror", "parent": 3, "children": []}
    before = tee.shape(4)["edges"]
    assert tee.api.ShapePropertiesSet(tee.g, 4, '{"symmetry": null}') == 1
    assert tee.shape(4)["symmetry"] is None
    assert tee.shape(3)["symmetry"] is None
    assert tee.shape(4)["edges"] == before
    tee.api.ShapeDelete(tee.g, 3)
    assert 4 in [s["id"] for s in tee.info("shapes")]


def test_unlinking_a_parent_frees_its_children_and_a_folded_piece_its_fold(tee):
    for shape in (1, 2, 3, 5):
        tee.api.ShapePropertiesSet(tee.g, shape, '{"symmetry": null}')
    assert tee.info("symmetry") == []


def test_deleting_a_parent_deletes_its_mirrored_shapes_and_everything_on_them(tee):
    tee.api.ShapeDelete(tee.g, 3)
    assert {3, 4}.isdisjoint(s["id"] for s in tee.info("shapes"))
    ends = {end["shape"] for s in tee.info("stitches") for end in (s["a"], s["b"])}
    assert {3, 4}.isdisjoint(ends)
    assert "Bicep" not in [tee.api.RulerNameGet(tee.g, r) for r in tee.api.RulerIds(tee.g)]
    assert "Sleeves" not in [c["name"] for c in tee.info("clusters")]


def test_deleting_a_piece_deletes_its_trims(tee):
    tee.api.ShapeDelete(tee.g, 1)
    assert tee.info("trims") == []


def test_deleting_trim_clusters_deletes_the_trims_and_keeps_other_groups(tee):
    for cluster in tee.info("clusters"):
        if cluster["kind"] == "trim":
            assert tee.api.ClusterDelete(tee.g, cluster["id"]) == 1
    assert tee.info("trims") == []
    assert [c["name"] for c in tee.info("clusters")] == ["Sleeves"]
    assert len(tee.info("shapes")) == 5


def test_deleting_a_group_keeps_its_shapes(tee):
    tee.api.ClusterDelete(tee.g, 1)
    assert len(tee.info("shapes")) == 8


def test_seam_allowance_can_be_set_for_single_edges(tee):
    tee.api.ShapePropertiesSet(tee.g, 1, json.dumps({"edges": [{"id": 1, "seam_allowance": 2.5}]}))
    assert tee.api.EdgeSeamAllowanceGet(tee.g, 1, 1) == 2.5
    assert tee.api.EdgeSeamAllowanceGet(tee.g, 1, 2) == 1.0
    tee.api.ShapePropertiesSet(tee.g, 1, json.dumps({"edges": [{"id": 1, "seam_allowance": -1}]}))
    assert tee.api.GetLastError() == Code.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ("{", Code.INVALID_JSON),
        ("[]", Code.INVALID_JSON),
        ('{"outline": []}', Code.INVALID_ARGUMENT),
        ('{"symmetry": {"parent": 1}}', Code.INVALID_ARGUMENT),
        ('{"material": 99}', Code.NOT_FOUND),
        ('{"edges": [{"id": 99, "seam_allowance": 1}]}', Code.NOT_FOUND),
        ('{"edges": 5}', Code.INVALID_ARGUMENT),
    ],
)
def test_properties_that_cannot_be_set_change_nothing(tee, properties, code):
    before = tee.shape(1)
    assert tee.api.ShapePropertiesSet(tee.g, 1, properties) == 0
    assert tee.api.GetLastError() == code
    assert tee.shape(1) == before


def test_new_shape_with_edges_can_be_stitched(tee):
    shape = tee.api.ShapeCreate(tee.g)
    point = tee.api.Point
    line = tee.api.EdgeCreateAsPolyline(tee.g, shape, -1, False, [point(0, 0), point(4, 0)])
    curve = tee.api.EdgeCreateAsBezier(tee.g, shape, -1, [point(4, 0), point(4, 2), point(2, 3), point(0, 0)])
    assert tee.api.ShapeEdgeIds(tee.g, shape) == [line, curve]
    stitch = tee.api.StitchCreate(tee.g, tee.api.StitchSide(shape, line, 0, 100), tee.api.StitchSide(1, 1, 0, 50))
    assert tee.info("stitches")[-1]["id"] == stitch
    assert tee.api.EdgeCreateAsBezier(tee.g, shape, -1, [point(0, 0)] * 5) == -1


def test_colorways_can_be_cloned_renamed_and_deleted(tee):
    clone = tee.api.ColorwayClone(tee.g, 1)
    tee.api.ColorwayNameSet(tee.g, clone, "Night")
    assert tee.api.GarmentColorwayIds(tee.g) == [1, 2, 3, 4, clone]
    tee.api.ColorwayCurrentSet(tee.g, clone)
    assert tee.api.ColorwayDelete(tee.g, clone) == 0
    assert tee.api.GetLastError() == Code.IN_USE
    tee.api.ColorwayCurrentSet(tee.g, 1)
    assert tee.api.ColorwayDelete(tee.g, clone) == 1


def test_colour_is_replaced_in_one_colorway_only(tee):
    assert "#5b7f95" in json.loads(tee.api.ColorwayColorsInUseGet(tee.g, 1))
    tee.api.ColorwayColorsInUseUpdate(tee.g, 1, "#5B7F95", "#102030")
    assert json.loads(tee.api.MaterialGet(tee.g, 1, 1))["color"] == "#102030"
    assert json.loads(tee.api.MaterialGet(tee.g, 2, 1))["color"] == "#e8e4da"


def test_material_in_use_cannot_be_deleted(tee):
    assert tee.api.MaterialDelete(tee.g, 1, 1) == 0
    assert tee.api.GetLastError() == Code.IN_USE
    assert tee.api.ColorwayUsedMaterialIds(tee.g, 1) == [1, 2, 3, 4, 5, 6]


def test_material_survives_export_and_import_as_u3m(tee, tmp_path):
    u3m = tmp_path / "jersey.u3m"
    assert tee.api.MaterialExport(tee.g, 1, 1, str(u3m)) == 1
    (new,) = tee.api.MaterialImport(tee.g, 1, str(u3m))
    assert tee.api.MaterialGet(tee.g, 1, new) == tee.api.MaterialGet(tee.g, 1, 1)
    assert tee.api.MaterialImport(tee.g, 1, str(tmp_path / "none.u3m")) == []
    assert tee.api.GetLastError() == Code.CANNOT_READ


def test_texture_must_be_a_picture(tee, tmp_path):
    text = tmp_path / "picture.png"
    text.write_text("no picture")
    for path in (text, tmp_path / "none.png", tmp_path):
        assert tee.api.MaterialUpdate(tee.g, 1, 1, json.dumps({"texture": {"path": str(path)}})) == 0
        assert tee.api.GetLastError() == Code.CANNOT_READ
    assert json.loads(tee.api.MaterialGet(tee.g, 1, 1))["texture"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"color": "red"},
        {"color": None},
        {"type": "glass"},
        {"roughness": 2},
        {"metallic": "shiny"},
        {"texture": "picture.png"},
        {"texture": {"path": "x.png", "width_cm": 0}},
        {"placements": [{"shape": 1}]},
        {"placements": [{"shape": 1, "center": [0, 0], "width_cm": 1e9, "height_cm": 1}]},
        {"placements": "everywhere"},
    ],
    ids=str,
)
def test_material_that_cannot_be_drawn_is_refused(tee, changes):
    before = tee.api.MaterialGet(tee.g, 1, 5)
    assert tee.api.MaterialUpdate(tee.g, 1, 5, json.dumps(changes)) == 0
    assert tee.api.GetLastError() == Code.INVALID_ARGUMENT
    assert tee.api.MaterialGet(tee.g, 1, 5) == before


def test_unknown_keys_of_a_material_are_kept(tee):
    tee.api.MaterialUpdate(tee.g, 1, 1, '{"custom": {"supplier": "Mill 7"}}')
    assert json.loads(tee.api.MaterialGet(tee.g, 1, 1))["custom"] == {"supplier": "Mill 7"}


def test_texture_path_in_a_garment_file_is_ignored(tee, tmp_path):
    Image.new("RGB", (8, 8), "red").save(tmp_path / "private.png")
    texture = {"texture": {"path": str(tmp_path / "private.png")}}
    assert tee.api.MaterialUpdate(tee.g, 1, 1, json.dumps(texture)) == 1
    tee.api.GarmentSaveAs(tee.g, str(tmp_path / "x.bw"))
    again = open_program(tmp_path / "x.bw")
    assert json.loads(again.api.MaterialGet(again.g, 1, 1))["texture"] is None


def test_file_with_an_invalid_part_does_not_open(tee, tmp_path):
    garment = tee.host.garments[tee.g]
    garment.shape(103).trim.width_cm = 1e9
    tee.api.GarmentSaveAs(tee.g, str(tmp_path / "x.bw"))
    assert tee.api.GarmentOpen(str(tmp_path / "x.bw")) == ""
    assert tee.api.GetLastError() == Code.CANNOT_READ


def test_surface_area_of_the_cloth(tee):
    area = tee.api.MaterialSurfaceAreaGet(tee.g, 1, 1, 3)
    sizes = {size["name"]: size for size in tee.info("sizes")}
    assert 8000 < area < 9500
    x, y = sizes["XL"]["scale"]
    assert tee.api.MaterialSurfaceAreaGet(tee.g, 1, 1, sizes["XL"]["id"]) == pytest.approx(area * x * y, rel=1e-6)
    assert json.loads(tee.api.MaterialBoundingBoxGet(tee.g, 1, 2, 3)) == {"width": 43.604, "height": 2.0}


def test_snapshot_keeps_the_current_colorway_unless_the_saved_one_is_requested():
    tee = open_program(dressed=False)
    (snapshot,) = tee.api.GarmentSnapshotIdsEx(tee.g)
    assert json.loads(tee.api.SnapshotInfoGet(tee.g, snapshot))["name"] == "final"
    tee.api.ColorwayCurrentSet(tee.g, 3)
    tee.api.SnapshotLoad(tee.g, snapshot)
    assert tee.api.ColorwayCurrentGet(tee.g) == 3
    option = {"load_snapshot_option": "saved_colorway_and_avatar", "sync_snapshot": False}
    tee.api.SnapshotLoadEx(tee.g, json.dumps(option), snapshot)
    assert tee.api.ColorwayCurrentGet(tee.g) == 1
    assert tee.api.SnapshotLoad(tee.g, "none") == 0


def test_unsaved_garment_is_closed_only_by_force(tee):
    tee.api.ShapeDelete(tee.g, 5)
    assert tee.api.GarmentClose(tee.g, False) == 0
    assert tee.api.GetLastError() == Code.UNSAVED
    assert tee.api.GarmentClose(tee.g, True) == 1
    assert tee.api.GarmentId() == ""


def test_saved_garment_opens_as_it_was(tee, tmp_path):
    tee.api.ClusterDelete(tee.g, 2)
    tee.api.ShapePropertiesSet(tee.g, 4, '{"symmetry": null}')
    tee.api.GarmentInfoSetEx(tee.g, "mine", '{"value": 1}')
    saved = tmp_path / "saved.bw"
    assert tee.api.GarmentSaveAs(tee.g, str(saved)) == 1
    again = open_program(saved)
    for key in ("shapes", "clusters", "trims", "symmetry", "stitches", "sizes", "rulers", "bounds", "mine"):
        assert again.info(key) == tee.info(key)
    assert again.shape(1) == tee.shape(1)


def test_saving_to_a_missing_folder_fails(tee, tmp_path):
    assert tee.api.GarmentSaveAs(tee.g, str(tmp_path / "none" / "x.bw")) == 0
    assert tee.api.GetLastError() == Code.CANNOT_WRITE
    assert tee.api.GarmentSaveAs(tee.g, str(tmp_path / "x.vsp")) == 0
    assert tee.api.GetLastError() == Code.NOT_SUPPORTED


def test_turntable_starts_at_the_given_camera_and_circles_the_garment(tee):
    front = tee.api.EnvironmentCameraViewGet(tee.g, "GarmentFront")
    cameras = json.loads(tee.api.EnvironmentTurntableCameraPositionsGet(front, 4))
    target = json.loads(front)["target"]
    around = [(c["position"]["x"] - target["x"], c["position"]["y"] - target["y"]) for c in cameras]
    assert around == [pytest.approx(p) for p in [(0, -400), (400, 0), (0, 400), (-400, 0)]]
    assert cameras[0] == json.loads(front)
    assert {c["position"]["z"] for c in cameras} == {json.loads(front)["position"]["z"]}


@pytest.mark.parametrize("count", [0, -1, 1025])
def test_turntable_has_1_to_1024_cameras(tee, count):
    front = tee.api.EnvironmentCameraViewGet(tee.g, "GarmentFront")
    assert tee.api.EnvironmentTurntableCameraPositionsGet(front, count) == ""
    assert tee.api.GetLastError() == Code.INVALID_ARGUMENT


def test_imported_camera_view_is_found_by_its_name(tee, tmp_path):
    view = tmp_path / "hero.json"
    view.write_text(json.dumps({"name": "Hero", "position": {"x": 100, "y": -300, "z": 150}, "fov": 20}))
    assert tee.api.EnvironmentCameraViewImport(str(view)) == 1
    assert json.loads(tee.api.EnvironmentCameraViewGet(tee.g, "Hero"))["fov"] == 20
    assert tee.api.EnvironmentCameraViewGet(tee.g, "None") == ""


def test_plain_mesh_opens_with_a_shape_for_each_node(tmp_path):
    tee = open_program(TEE.with_name("tee.glb"))
    assert [s["name"] for s in tee.info("shapes")] == [p["name"] for p in PATTERN["pieces"]]
    assert json.loads(tee.api.MaterialGet(tee.g, 1, 1))["name"] == "Jersey 180"
    cube = tmp_path / "cube.obj"
    cube.write_text("o Triangle\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    assert len(open_program(cube).info("shapes")) == 1


@pytest.mark.parametrize("name", ["garment.bw", "garment.glb", "garment.obj", "garment.txt", "garment.vsp"])
def test_file_that_is_not_a_garment_does_not_open(tee, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"neither this nor that")
    assert tee.api.GarmentOpen(str(path)) == ""
    assert tee.api.GetLastError() in (Code.CANNOT_READ, Code.NOT_SUPPORTED)
