"""The stand-in's materials: U3M documents and files, groups, containers, buttons, colours."""

from __future__ import annotations

import json
import zipfile

import pytest
from PIL import Image

from openjd_vstitcher.standin import u3m
from openjd_vstitcher.standin.codes import Code

from ..standin_api import open_program


@pytest.fixture
def tee():
    return open_program()


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "red.png"
    Image.new("RGB", (20, 10), "red").save(path)
    return path


def test_material_is_a_u3m_document(tee):
    document = json.loads(tee.api.MaterialGet(tee.g, 1, 1))
    assert document["schema"] == "1.1"
    assert document["custom"] == {}
    material = document["material"]
    assert material["name"] == "Jersey 180"
    assert material["front"]["basecolor"]["constant"] == {"r": 0.356863, "g": 0.498039, "b": 0.584314}
    assert material["physics"]["weight"] == 180
    assert tee.material(1, 5)["physics"]["material_type"]["type"] == "Artwork"


def test_whole_document_is_written_back_with_what_the_stand_in_does_not_know(tee, picture):
    document = json.loads(tee.api.MaterialGet(tee.g, 1, 1))
    document["custom"] = {"Vendor": {"id": 7}}
    material = document["material"]
    material["metadata"] = {"season": "SS"}
    material["front"]["normal"] = {"texture": None, "constant": 1}
    image = {"path": str(picture), "width": 50, "height": 25, "dpi": {"x": 10, "y": 10}}
    material["front"]["basecolor"]["texture"] = {"mode": "overlay", "factor": 0.5, "image": image}
    tee.api.MaterialUpdate(tee.g, 1, 1, json.dumps(document))
    assert tee.api.GetLastError() == Code.SUCCESS
    again = json.loads(tee.api.MaterialGet(tee.g, 1, 1))
    assert again["custom"] == {"Vendor": {"id": 7}}
    assert again["material"]["metadata"] == {"season": "SS"}
    assert again["material"]["front"]["normal"] == {"texture": None, "constant": 1}
    texture = again["material"]["front"]["basecolor"]["texture"]
    assert (texture["mode"], texture["factor"], texture["image"]["width"]) == ("overlay", 0.5, 50)
    assert tee.garment.colorway(1).materials[1]["texture"] == {
        "path": str(picture),
        "width_cm": 5.0,
        "height_cm": 2.5,
    }
    assert tee.material(2, 1)["front"]["basecolor"]["texture"] is None, "the other colorways stay"


@pytest.mark.parametrize("text", ["{", "[]", '{"texture": {"path": "x.png"}}', '{"material": {"name": "x"}}'])
def test_part_of_a_material_is_not_enough(tee, text):
    before = tee.api.MaterialGet(tee.g, 1, 1)
    tee.api.MaterialUpdate(tee.g, 1, 1, text)
    assert tee.api.GetLastError() == Code.INVALID_JSON
    assert tee.api.MaterialGet(tee.g, 1, 1) == before


@pytest.mark.parametrize(
    "front",
    [
        {"roughness": {"constant": 2}},
        {"metalness": {"constant": "shiny"}},
        {"basecolor": {"constant": {"r": 2, "g": 0, "b": 0}}},
        {"basecolor": {"constant": {"r": 1}}},
        {"basecolor": {"texture": {"image": {"path": "relative.png"}}}},
        {"basecolor": {"texture": {"image": {"path": "/x.png", "width": -1}}}},
    ],
    ids=str,
)
def test_material_that_cannot_be_drawn_is_refused(tee, front):
    before = tee.api.MaterialGet(tee.g, 1, 5)
    assert tee.update(1, 5, **front) == Code.INVALID_ARGUMENT
    assert tee.api.MaterialGet(tee.g, 1, 5) == before


def test_texture_must_be_a_picture(tee, tmp_path):
    text = tmp_path / "picture.png"
    text.write_text("no picture")
    for path in (text, tmp_path / "none.png", tmp_path):
        assert tee.set_texture(1, 1, path) == Code.CANNOT_READ
    assert tee.material(1, 1)["front"]["basecolor"]["texture"] is None


@pytest.mark.parametrize("suffix", [".u3m", ".u3ma"])
def test_material_survives_export_and_import(tee, tmp_path, picture, suffix):
    tee.set_texture(1, 1, picture)
    target = tmp_path / "out" / f"jersey{suffix}"
    target.parent.mkdir()
    tee.api.MaterialExport(tee.g, 1, 1, str(target))
    assert tee.api.GetLastError() == Code.SUCCESS
    if suffix == ".u3ma":
        assert zipfile.ZipFile(target).namelist() == ["jersey.u3m", "jersey_basecolor.png"]
    else:
        image = json.loads(target.read_text())["material"]["front"]["basecolor"]["texture"]["image"]
        assert image["path"] == "jersey_basecolor.png"
        assert target.with_name("jersey_basecolor.png").exists()
    (new,) = tee.api.MaterialImport(tee.g, 1, str(target))
    imported, source = tee.material(1, new), tee.material(1, 1)
    for document in (imported, source):
        document["front"]["basecolor"]["texture"]["image"].pop("path")
    assert imported == source
    assert tee.api.MaterialGet(tee.g, 2, new) == "", "an import is for one colorway"
    assert tee.api.MaterialImport(tee.g, 1, str(tmp_path / "none.u3m")) == []
    assert tee.api.GetLastError() == Code.CANNOT_READ
    assert tee.api.MaterialImport(tee.g, 1, str(picture)) == []
    assert tee.api.GetLastError() == Code.NOT_SUPPORTED


def test_u3m_of_version_1_0_is_read(tee, tmp_path, picture):
    image = {"path": "red.png", "width": 30, "height": 15, "dpi": 300}
    front = {"basecolor": {"constant": {"r": 1, "g": 1, "b": 1}, "texture": {"image": image}}}
    document = {"schema": "1.0", "material": {"name": "old", "front": front, "physics": None}}
    (tmp_path / "old.u3m").write_text(json.dumps(document))
    (new,) = tee.api.MaterialImport(tee.g, 1, str(tmp_path / "old.u3m"))
    assert tee.material(1, new)["name"] == "old"
    assert tee.garment.colorway(1).materials[new]["texture"]["width_cm"] == 3.0


def test_file_replaces_a_material_in_place_and_leaves_its_kind_and_placements(tee, tmp_path, picture):
    tee.set_texture(1, 1, picture)
    tee.api.MaterialExport(tee.g, 1, 1, str(tmp_path / "x.u3ma"))
    tee.api.MaterialUpdateFromFile(tee.g, 1, 5, str(tmp_path / "x.u3ma"))
    assert tee.material(1, 5)["name"] == "Jersey 180"
    assert tee.garment.colorway(1).materials[5]["type"] == "artwork"
    assert len(tee.garment.colorway(1).materials[5]["placements"]) == 1


@pytest.mark.parametrize("path", ["../../secret.png", "/etc/hostname"])
def test_picture_outside_of_a_material_file_is_not_read(tee, tmp_path, path):
    (tmp_path / "secret.png").write_bytes(b"")
    front = {"basecolor": {"texture": {"image": {"path": path, "width": 1, "height": 1}}}}
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "x.u3m").write_text(json.dumps({"material": {"name": "x", "front": front}}))
    assert tee.api.MaterialImport(tee.g, 1, str(inner / "x.u3m")) == []
    assert tee.api.GetLastError() in (Code.INVALID_ARGUMENT, Code.CANNOT_READ)


@pytest.mark.parametrize("names", [[], ["a.u3m", "b.u3m"]])
def test_u3ma_has_exactly_one_document(tmp_path, names):
    with zipfile.ZipFile(tmp_path / "x.u3ma", "w") as archive:
        for name in names:
            archive.writestr(name, "{}")
    with pytest.raises(Exception, match=f"expected one .u3m in it, found {len(names)}"):
        u3m.read(tmp_path / "x.u3ma", tmp_path)


def test_buttons_are_group_materials(tee):
    assert [tee.api.MaterialGroup(tee.g, 1, i) for i in (1, 3, 5, 7)] == [0, 1, 0, 0]
    assert tee.api.MaterialGet(tee.g, 1, 3) == ""
    assert tee.api.GetLastError() == Code.WRONG_KIND
    assert json.loads(tee.api.MaterialGroupGet(tee.g, 1, 3)) == {"name": "Shell Button", "type": "button"}
    assert tee.api.MaterialGroupItemIds(tee.g, 1, 3) == [7]
    tee.api.MaterialGroupGet(tee.g, 1, 1)
    assert tee.api.GetLastError() == Code.WRONG_KIND
    tee.api.MaterialGroupUpdate(tee.g, 1, 3, '{"description": "new"}')
    assert json.loads(tee.api.MaterialGroupGet(tee.g, 1, 3))["description"] == "new"
    tee.api.MaterialGroupItemRemove(tee.g, 1, 3, 7)
    tee.api.MaterialGroupItemAdd(tee.g, 1, 3, 2, "{}")
    assert json.loads(tee.api.MaterialGroupItemGet(tee.g, 1, 3, 2))["name"] == "Rib 1x1"
    assert tee.garment.material(3)["name"] == "Rib 1x1", "a group looks like its first item"


def test_amounts_are_told_for_the_documented_kinds_only(tee):
    area = tee.api.MaterialSurfaceAreaGet(tee.g, 1, 1, 3)
    assert 8000 < area < 9500
    x, y = tee.garment.size(5).scale
    assert tee.api.MaterialSurfaceAreaGet(tee.g, 1, 1, 5) == pytest.approx(area * x * y, rel=1e-6)
    assert tee.api.MaterialBoundingBoxGet(tee.g, 1, 5, 3) == (28.0, 28.0, 1)
    assert tee.api.MaterialBoundingBoxGet(tee.g, 1, 4, 3) == (4.2, 2.2, 1)
    tee.garment.colorway(1).materials[2]["type"] = "seam"
    tee.api.EdgeMaterialIdSet(tee.g, 1, 1, 2)
    length, depth = tee.api.MaterialLengthGet(tee.g, 1, 2, 3)
    assert (length, depth) == (pytest.approx(54.0), pytest.approx(0.11, abs=0.05))
    for name, material in (
        ("MaterialSurfaceAreaGet", 3),
        ("MaterialSurfaceAreaGet", 7),
        ("MaterialLengthGet", 1),
        ("MaterialBoundingBoxGet", 1),
    ):
        getattr(tee.api, name)(tee.g, 1, material, 3)
        assert tee.api.GetLastError() == Code.WRONG_KIND, name


def test_containers_are_placements_in_the_current_colorway(tee):
    assert tee.api.MaterialContainerIds(tee.g) == [1, 2, 8]
    tee.api.MaterialContainerDelete(tee.g, 8)
    tee.api.MaterialContainerDelete(tee.g, 1)
    assert tee.api.MaterialContainerIds(tee.g) == [2]
    assert tee.api.MaterialBoundingBoxGet(tee.g, 1, 5, 3)[2] == 0
    tee.api.MaterialContainerDelete(tee.g, 6)
    assert tee.api.GetLastError() == Code.NOT_FOUND, "a button is no container"
    tee.api.ColorwayCurrentSet(tee.g, 2)
    assert tee.api.MaterialContainerIds(tee.g) == [1, 2, 8]
    place = tee.api.Transformation(tee.api.CoordinatesXY(30, 40), tee.api.CoordinatesXY(5, 6), 0.0)
    new = tee.api.MaterialContainerCreate(tee.g, 1, 6, place, 0)
    assert new in tee.api.MaterialContainerIds(tee.g)
    assert tee.api.MaterialBoundingBoxGet(tee.g, 2, 6, 3)[2] == 2
    assert tee.api.MaterialContainerCreate(tee.g, 1, 1, place, 0) == -1
    assert tee.api.GetLastError() == Code.WRONG_KIND


def test_buttons_are_created_and_deleted_in_all_colorways(tee):
    new = tee.api.ButtonCreate(tee.g, 3, 1, 1, 1)
    assert tee.api.ButtonOneLocation(tee.g, new) == 1
    for button in (6, 7, new):
        tee.api.ButtonDelete(tee.g, button)
    assert tee.api.ColorwayUsedMaterialIds(tee.g, 2) == [1, 2, 4, 5, 6]
    tee.api.ButtonDelete(tee.g, 6)
    assert tee.api.GetLastError() == Code.NOT_FOUND
    tee.api.MaterialDelete(tee.g, 1, 3)
    assert tee.api.GetLastError() == Code.SUCCESS


def test_material_in_use_cannot_be_deleted(tee):
    for material in (1, 3, 7):
        tee.api.MaterialDelete(tee.g, 1, material)
        assert tee.api.GetLastError() == Code.IN_USE
    assert tee.api.ColorwayUsedMaterialIds(tee.g, 1) == [1, 2, 3, 4, 5, 6, 7]


def test_colorways_can_be_cloned_renamed_and_deleted(tee):
    clone = tee.api.ColorwayClone(tee.g, 1)
    tee.api.ColorwayNameSet(tee.g, clone, "Night")
    assert tee.api.GarmentColorwayIds(tee.g) == [1, 2, 3, 4, clone]
    tee.api.ColorwayCurrentSet(tee.g, clone)
    tee.api.ColorwayDelete(tee.g, clone)
    assert tee.api.GetLastError() == Code.IN_USE
    tee.api.ColorwayCurrentSet(tee.g, 1)
    tee.api.ColorwayDelete(tee.g, clone)
    assert tee.api.GarmentColorwayIds(tee.g) == [1, 2, 3, 4]


def test_colour_is_replaced_in_one_colorway_only(tee):
    old, new = tee.api.Color(0x5B, 0x7F, 0x95), tee.api.Color(16, 32, 48)
    assert old in tee.api.ColorwayColorsInUseGet(tee.g, 1)
    tee.api.ColorwayColorsInUseUpdate(tee.g, 1, old, new)
    assert new in tee.api.ColorwayColorsInUseGet(tee.g, 1)
    assert tee.garment.colorway(2).materials[1]["color"] == "#e8e4da"
    tee.api.ColorwayColorsInUseUpdate(tee.g, 1, old, new)
    assert tee.api.GetLastError() == Code.NOT_FOUND


def test_textures_are_saved_in_the_garment_file(tee, tmp_path, picture):
    tee.set_texture(1, 1, picture)
    tee.api.GarmentSaveAs(tee.g, str(tmp_path / "x.bw"))
    assert str(picture.parent).encode() not in (tmp_path / "x.bw").read_bytes()
    picture.unlink()
    again = open_program(tmp_path / "x.bw", dressed=False)
    texture = again.garment.colorway(1).materials[1]["texture"]
    with Image.open(texture["path"]) as unpacked:
        assert unpacked.size == (20, 10)


def test_texture_path_in_a_garment_file_is_ignored(tee, tmp_path, picture, monkeypatch):
    tee.set_texture(1, 1, picture)
    monkeypatch.setattr("openjd_vstitcher.standin.bw_format._packed", lambda garment: (garment.document(), []))
    tee.api.GarmentSaveAs(tee.g, str(tmp_path / "x.bw"))
    again = open_program(tmp_path / "x.bw", dressed=False)
    assert again.garment.colorway(1).materials[1]["texture"] is None


def test_libraries_keep_what_they_are_given(tee, tmp_path):
    colors = tee.api.ColorLibraryCreate(tee.g, '{"name": "SS"}')
    assert json.loads(tee.api.ColorLibraryGetColors(tee.g, colors)) == {"name": "SS"}
    tee.api.ColorLibraryRemove(tee.g, colors)
    assert tee.api.ColorLibraryGetColors(tee.g, colors) == ""
    library = tee.api.AssetLibAdd('{"name": "Mill"}')
    collection = tee.api.AssetLibCollectionAdd(library, "{}")
    asset = tee.api.AssetLibAssetAdd(library, '{"remote_id": "7", "type": "fabric"}')
    tee.api.AssetLibCollectionAssetAdd(library, collection, asset)
    assert tee.api.AssetLibCollectionAssetIds(library, collection) == [asset] == tee.api.AssetLibAssetIds(library)
    tee.api.AssetLibAssetStateSet(library, asset, '{"state": "ready"}')
    assert json.loads(tee.api.AssetLibAssetGet(library, asset))["state"] == "ready"
    tee.api.AssetLibAssetRemove(library, asset)
    assert tee.api.AssetLibCollectionAssetIds(library, collection) == []
    tee.api.AssetLibRemove(library)
    assert tee.api.AssetLibGet(library) == ""
