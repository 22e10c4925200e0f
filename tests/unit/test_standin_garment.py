"""Queries and changes of the stand-in's garment: pieces, rulers, snapshots, files, cameras."""

from __future__ import annotations

import json

import pytest

from openjd_vstitcher.resources import resource
from openjd_vstitcher.standin.codes import Code
from openjd_vstitcher.standin.model import Snapshot
from openjd_vstitcher.standin.switches import Switches

from ..standin_api import TEE, open_program

PATTERN = json.loads(resource("examples/garments/tee.pattern.json").read_text(encoding="utf-8"))


@pytest.fixture
def tee():
    return open_program()


def names(tee):
    return [shape.name for shape in tee.garment.pieces()]


def test_pieces_match_the_pattern_and_trims_are_no_shapes(tee):
    found = [tee.properties(number)["name"] for number in range(1, 6)]
    assert found == [p["name"] for p in PATTERN["pieces"]]
    assert tee.api.ShapePropertiesGet(tee.g, 6) == ""
    assert tee.api.GetLastError() == Code.NOT_FOUND
    assert [shape.name for shape, _ in tee.garment.trims()] == ["Shoulder Button 1", "Shoulder Button 2", "Hem Label"]


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
    base = tee.api.SizeBaseGet(tee.g)
    assert tee.api.RulerLengthGet(tee.g, ruler["id"], base) == pytest.approx(ruler["length_cm"], abs=0.05)


def test_sizes_are_told_one_by_one_and_rulers_follow_their_scale(tee):
    assert [tee.api.SizeNameGet(tee.g, size) for size in range(1, 6)] == ["XS", "S", "M", "L", "XL"]
    assert tee.api.SizeNameGet(tee.g, 6) == ""
    assert tee.api.RulerLengthGet(tee.g, 1, 5) == pytest.approx(54.4 * tee.garment.size(5).scale[0])
    tee.api.SizeCurrentSet(tee.g, 5)
    assert tee.api.SizeCurrentGet(tee.g) == 5
    first = tee.api.SizeAdd(tee.g, "XXS", -1)
    assert tee.garment.sizes[0].id == first
    tee.api.SizeDelete(tee.g, 5)
    assert tee.api.GetLastError() == Code.IN_USE


def test_new_ruler_adds_up_its_elements(tee):
    elements = [tee.api.Element(1, -1, 0, -1, 1), tee.api.Element(1, -1, 0, 12, -1)]
    ruler = tee.api.RulerCreate(tee.g, "Hem and centre", elements)
    assert tee.api.RulerLengthGet(tee.g, ruler, 3) == pytest.approx(54.0 + 61.8)
    assert tee.api.Ruler3DLengthGet(tee.g, ruler, 3) == pytest.approx(54.0 + 61.8)
    assert tee.api.RulerCreate(tee.g, "nowhere", [tee.api.Element(1, -1, 0, -1, 77)]) == -1
    assert tee.api.GetLastError() == Code.NOT_FOUND


def test_only_the_name_of_a_shape_can_be_set(tee):
    tee.api.ShapePropertiesSet(tee.g, 4, json.dumps({"name": "Arm", "symmetry": None, "edges": [{"id": 1}]}))
    assert tee.api.GetLastError() == Code.SUCCESS
    assert tee.properties(4)["name"] == "Arm"
    assert tee.properties(4)["symmetry"] == {"kind": "mirror", "parent": 3, "children": []}
    tee.api.ShapePropertiesSet(tee.g, 4, "[]")
    assert tee.api.GetLastError() == Code.INVALID_JSON


def test_symmetry_can_be_unlinked_by_a_switch():
    tee = open_program(switches=Switches(unlinks=True))
    before = tee.shape(4).edges
    tee.api.ShapePropertiesSet(tee.g, 4, '{"symmetry": null}')
    assert tee.properties(4)["symmetry"] is None
    assert tee.properties(3)["symmetry"] is None
    assert tee.shape(4).edges == before
    tee.api.ShapePropertiesSet(tee.g, 1, '{"symmetry": null}')
    assert tee.shape(1).fold is None


def test_deleting_a_parent_deletes_its_mirrored_shapes_and_everything_on_them(tee):
    tee.api.ShapeDelete(tee.g, 3)
    assert names(tee) == ["Front", "Back", "Neck Rib"]
    ends = {end.shape for s in tee.garment.stitches for end in (s.a, s.b)}
    assert {3, 4}.isdisjoint(ends)
    assert "Bicep" not in [tee.api.RulerNameGet(tee.g, r) for r in tee.api.RulerIds(tee.g)]
    assert tee.garment.clusters == []
    assert tee.api.MaterialContainerIds(tee.g) == [1, 8], "the artwork on the sleeve is gone"


def test_deleting_a_piece_deletes_its_trims(tee):
    tee.api.ShapeDelete(tee.g, 1)
    assert list(tee.garment.trims()) == []


def test_deleting_a_cluster_keeps_its_shapes(tee):
    tee.api.ClusterDelete(tee.g, 1)
    assert tee.garment.clusters == []
    assert len(names(tee)) == 5


def test_shapes_hang_in_clusters_with_an_offset(tee):
    cluster = tee.api.ClusterCreate(
        tee.g, tee.api.BW_API_CLUSTER_SILHOUETTE_VIEW_FRONT, tee.api.BW_API_CLUSTER_SILHOUETTE_LOCATION_TORSO
    )
    tee.api.ClusterShapeAdd(tee.g, cluster, 1)
    offset = tee.api.ClusterShapeOffsetGet(tee.g, cluster, 1)
    offset.x += 5
    tee.api.ClusterShapeOffsetSet(tee.g, cluster, 1, offset)
    assert tee.api.ClusterShapeOffsetGet(tee.g, cluster, 1).x == 5
    tee.api.ClusterShapeRemove(tee.g, cluster, 1)
    tee.api.ClusterShapeOffsetGet(tee.g, cluster, 1)
    assert tee.api.GetLastError() == Code.NOT_FOUND


def test_new_shape_with_edges_can_be_stitched(tee):
    shape = tee.api.ShapeCreate(tee.g)
    point, bezier = tee.api.Point, tee.api.BezierPoint
    line = tee.api.EdgeCreateAsPolyline(tee.g, shape, -1, False, [point(0, 0), point(4, 0)])
    ends = [bezier(point(4, 0), point(4, 0), point(4, 2)), bezier(point(0, 0), point(2, 3), point(0, 0))]
    curve = tee.api.EdgeCreateAsBezier(tee.g, shape, -1, ends)
    assert tee.api.ShapeEdgeIds(tee.g, shape) == [line, curve]
    assert tee.shape(shape).edge(curve).points == [(4, 0), (4, 2), (2, 3), (0, 0)]
    side = tee.api.StitchSide(shape, line, 0, 100)
    assert (side.marker1, side.marker2) == (0, 100)
    stitch = tee.api.StitchCreate(tee.g, side, tee.api.StitchSide(1, 1, 0, 50))
    assert tee.garment.stitches[-1].id == stitch
    assert tee.api.EdgeCreateAsBezier(tee.g, shape, -1, [point(0, 0)] * 5) == -1
    tee.api.EdgeDelete(tee.g, shape, curve)
    assert tee.api.ShapeEdgeIds(tee.g, shape) == [line]


def test_plugins_can_keep_data_with_shapes(tee, tmp_path):
    tee.api.ShapeUserDataSet(tee.g, 1, "com.example", "id", list("SID:1"))
    tee.api.ShapeUserDataStrSet(tee.g, 1, "id", "SID:2")
    tee.api.GarmentSaveAs(tee.g, str(tmp_path / "x.bw"))
    again = open_program(tmp_path / "x.bw")
    assert again.api.ShapeUserDataGet(again.g, 1, "com.example", "id") == list("SID:1")
    assert again.api.ShapeUserDataStrGet(again.g, 1, "id") == "SID:2"
    assert again.api.ShapeUserDataStrGet(again.g, 2, "id") == ""


def test_snapshot_keeps_the_current_colorway_unless_the_saved_one_is_requested():
    tee = open_program(dressed=False)
    (snapshot,) = tee.api.GarmentSnapshotIdsEx(tee.g)
    information = json.loads(tee.api.SnapshotInfoGet(tee.g, snapshot))
    assert information == {"name": "final", "created_date": "2024-01-01T00:00:00Z"}
    tee.api.ColorwayCurrentSet(tee.g, 3)
    tee.api.SnapshotLoad(tee.g, snapshot)
    assert tee.api.ColorwayCurrentGet(tee.g) == 3
    option = {"load_snapshot_option": "saved_colorway_and_avatar", "sync_snapshot": False}
    tee.api.SnapshotLoadEx(tee.g, json.dumps(option), snapshot)
    assert tee.api.ColorwayCurrentGet(tee.g) == 1
    tee.api.SnapshotLoad(tee.g, "none")
    assert tee.api.GetLastError() == Code.NOT_FOUND


def test_snapshots_may_have_no_name_or_be_broken(tee):
    nameless = tee.api.SnapshotSave(tee.g, "")
    assert set(json.loads(tee.api.SnapshotInfoGet(tee.g, nameless))) == {"created_date"}
    tee.garment.snapshots.append(Snapshot("broken", "x", 1, 3, "2024-01-01T00:00:00Z", broken=True))
    text = tee.api.SnapshotInfoGet(tee.g, "broken")
    assert tee.api.GetLastError() == Code.SUCCESS
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)
    tee.api.SnapshotDelete(tee.g, nameless)
    assert tee.api.GarmentSnapshotIdsEx(tee.g) == ["snapshot-1", "broken"]


def test_simulation_ends_after_the_call_and_makes_the_automatic_snapshot_anew(tee):
    tee.garment.dressed = False
    seen = []

    class Modified(tee.api.CallbackBase):
        def Run(self, garment_id, callback_id, data_string):
            seen.append(tee.api.GarmentSnapshotIdsEx(garment_id))
            return 1

    tee.api.EventRegister(Modified(), 1, tee.api.BW_API_EVENT_GARMENT_MODIFIED)
    tee.api.GarmentDress(tee.g)
    assert not tee.garment.dressed
    tee.dress()
    tee.dress()
    assert seen[0] == ["snapshot-1", "automatic-1"]
    assert tee.api.GarmentSnapshotIdsEx(tee.g) == ["snapshot-1", "automatic-2"]


def test_unsaved_garment_is_closed_only_by_force(tee):
    tee.api.ShapeDelete(tee.g, 5)
    tee.api.GarmentClose(tee.g, False)
    assert tee.api.GetLastError() == Code.UNSAVED
    tee.api.GarmentClose(tee.g, True)
    assert tee.api.GarmentId() == ""


def test_saved_garment_has_a_new_id_and_opens_as_it_was(tee, tmp_path):
    tee.api.ButtonDelete(tee.g, 6)
    tee.api.MaterialContainerDelete(tee.g, 8)
    tee.garment.unlink(tee.shape(4))
    tee.api.GarmentInfoSetEx(tee.g, "mine", '{"value": "1"}')
    before = tee.garment
    tee.api.GarmentSaveAs(tee.g, str(tmp_path / "saved.bw"))
    new = tee.api.GarmentId()
    assert new != tee.g
    assert tee.api.GarmentPathGet(new) == str(tmp_path / "saved.bw")
    assert tee.api.GarmentColorwayIds(tee.g) == []
    assert tee.api.GetLastError() == Code.NO_GARMENT
    again = open_program(tmp_path / "saved.bw", dressed=False)
    assert again.garment.document() == before.document()


def test_garment_that_was_never_saved_has_no_file(tee):
    created = tee.api.GarmentCreate("New")
    assert tee.api.GarmentPathGet(created) == ""
    tee.api.GarmentSave(created)
    assert tee.api.GetLastError() == Code.UNSAVED


def test_saving_to_a_missing_folder_fails(tee, tmp_path):
    tee.api.GarmentSaveAs(tee.g, str(tmp_path / "none" / "x.bw"))
    assert tee.api.GetLastError() == Code.CANNOT_WRITE
    tee.api.GarmentSaveAs(tee.g, str(tmp_path / "x.vsp"))
    assert tee.api.GetLastError() == Code.NOT_SUPPORTED
    assert tee.api.GarmentId() == tee.g


def test_information_of_a_garment_is_custom_fields_only(tee):
    for key in ("name", "shapes", "sizes", "trims", "symmetry"):
        assert tee.api.GarmentInfoGetEx(tee.g, key) == ""
    tee.api.GarmentInfoSetEx(tee.g, "name", '{"value": "{}", "caption": "Name"}')
    field = {"show_in_techpack_html": False, "read_only": False, "caption": "Name", "value": "{}"}
    assert json.loads(tee.api.GarmentInfoGetEx(tee.g, "name")) == field
    tee.api.GarmentInfoSetEx(tee.g, "name", '{"value": 1}')
    assert tee.api.GetLastError() == Code.INVALID_ARGUMENT


def test_unknown_light_and_environment_have_no_effect_and_give_no_error(tee):
    for setter, getter, known in (
        (tee.api.EnvironmentLightCurrentSet, tee.api.EnvironmentLightCurrentGet, "Ambient.hdr"),
        (tee.api.EnvironmentSet, tee.api.EnvironmentGet, "Showroom"),
    ):
        setter(known)
        setter("None")
        assert tee.api.GetLastError() == Code.SUCCESS
        assert getter() == known
    tee.api.EnvironmentLightInfoSet("Ambient.hdr", '{"exposure": 1.5}')
    assert json.loads(tee.api.EnvironmentLightInfoGet("Ambient.hdr")) == {"exposure": 1.5, "rotation_angle": 0.0}


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


def test_camera_views_are_listed_and_imported_and_exported(tee, tmp_path):
    assert {"Front", "Left", "Back", "Right", "Top", "Bottom", "GarmentFront"} <= set(tee.api.EnvironmentCameraViews())
    view = tmp_path / "hero.json"
    view.write_text(json.dumps({"name": "Hero", "position": {"x": 100, "y": -300, "z": 150}, "fov": 20}))
    tee.api.EnvironmentCameraViewImport(str(view))
    assert json.loads(tee.api.EnvironmentCameraViewGet(tee.g, "Hero"))["fov"] == 20
    assert "Hero" in tee.api.EnvironmentCameraViews()
    assert tee.api.EnvironmentCameraViewGet(tee.g, "None") == ""
    for name in ("Hero", "Front"):
        tee.api.EnvironmentCameraViewExport(name, str(tmp_path / "out.json"))
        exported = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
        assert exported == json.loads(tee.api.EnvironmentCameraViewGet(tee.g, name))


def test_avatars_can_be_chosen_posed_and_measured(tee, tmp_path):
    assert tee.api.AvatarCurrentGet() in tee.api.AvatarIds(1)
    made = tee.api.AvatarCreate(tee.api.AvatarTemplates()[0], "Avatar 1")
    tee.api.AvatarCurrentSet(made)
    assert tee.api.AvatarCurrentGet() == made
    tee.api.AvatarMeasurementsUpdate('{"waist": 90}')
    assert json.loads(tee.api.AvatarMeasurementsGet())["waist"] == 90
    pose = tee.api.AvatarCurrentPoseIds()[1]
    tee.api.AvatarPoseCurrentSet(pose, 0, 0)
    assert tee.api.AvatarPoseCurrentGet() == pose
    tee.api.AvatarDelete(made)
    assert tee.api.GetLastError() == Code.IN_USE
    tee.api.AvatarCurrentSet("none")
    assert tee.api.GetLastError() == Code.NOT_FOUND
    (tmp_path / "body.fbx").write_bytes(b"x")
    assert tee.api.AvatarImport(str(tmp_path / "body.fbx")) in tee.api.AvatarIds(0)


def test_plain_mesh_opens_with_a_shape_for_each_node(tmp_path):
    tee = open_program(TEE.with_name("tee.glb"), dressed=False)
    assert names(tee) == [p["name"] for p in PATTERN["pieces"]]
    assert tee.material(1, 1)["name"] == "Jersey 180"
    cube = tmp_path / "cube.obj"
    cube.write_text("o Triangle\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    assert len(names(open_program(cube, dressed=False))) == 1


@pytest.mark.parametrize("name", ["garment.bw", "garment.glb", "garment.obj", "garment.txt", "garment.vsp"])
def test_file_that_is_not_a_garment_does_not_open(tee, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"neither this nor that")
    tee.api.GarmentOpen(str(path))
    assert tee.api.GetLastError() in (Code.CANNOT_READ, Code.NOT_SUPPORTED)
    assert tee.api.GarmentId() == tee.g


def test_file_with_an_invalid_part_does_not_open(tee, tmp_path):
    tee.shape(8).trim.width_cm = 1e9
    tee.api.GarmentSaveAs(tee.g, str(tmp_path / "x.bw"))
    tee.api.GarmentOpen(str(tmp_path / "x.bw"))
    assert tee.api.GetLastError() == Code.CANNOT_READ
