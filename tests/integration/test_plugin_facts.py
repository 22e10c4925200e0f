"""The plugin on the strict stand-in: what it does where VStitcher's reference or running plugins say so."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from openjd_vstitcher.garment import open_garment
from openjd_vstitcher.standin.bw_format import write_bw
from openjd_vstitcher.standin.elements import CoordinatesXY, Transformation
from openjd_vstitcher.standin.loading import open_file
from openjd_vstitcher.standin.model import Garment, Snapshot
from openjd_vstitcher.standin.switches import Switches

from ..plugin_desk import Desk, desk
from ..standin_api import TEE, open_program

VERSIONS = [Switches(), Switches(sticky=True), Switches(old=True), Switches(sticky=True, old=True)]
VERSION_NAMES = ["new", "new, sticky", "old", "old, sticky"]


@pytest.fixture(params=VERSIONS, ids=VERSION_NAMES)
def any_version(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """The plugin in each kind of VStitcher, after a call that failed."""
    with desk(tmp_path, request.param) as made:
        made.api.ShapeDelete("nothing", 1)
        yield made


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Desk]:
    """The plugin that fails exports whose changes cannot be shown."""
    with desk(tmp_path, unproven="fail") as made:
        yield made


def picture(path: Path, color: str = "red") -> str:
    Image.new("RGB", (20, 10), color).save(path)
    return str(path)


def saved(folder: Path, change: Any) -> Path:
    """The sample garment, changed, as a file."""
    garment = open_file(TEE, folder)
    change(garment)
    write_bw(garment, folder / "changed.bw")
    return folder / "changed.bw"


def scan(made: Desk, *mutations: str, **fields: Any) -> dict[str, Any]:
    reply = made.run("SCAN", "scan.json", *mutations, **fields)
    assert reply["type"] == "done", reply
    return dict(json.loads((made.folder / "scan.json").read_text(encoding="utf-8")))


def texture_names(garment: Garment, colorway: int) -> dict[str, str]:
    listed = garment.colorway(colorway).materials.values()
    return {m["name"]: Path(m["texture"]["path"]).name for m in listed if m.get("texture")}


def test_scan_has_what_the_calls_tell_in_every_version(any_version: Desk) -> None:
    found = scan(any_version)
    assert found["name"] == "tee"
    assert [shape["name"] for shape in found["shapes"]] == ["Front", "Back", "Sleeve Left", "Sleeve Right", "Neck Rib"]
    assert [size["name"] for size in found["sizes"]] == ["XS", "S", "M", "L", "XL"]
    assert [size["name"] for size in found["sizes"] if size["base"]] == ["M"]
    assert len(found["rulers"]) == 12
    materials = {m["id"]: m for m in found["colorways"][0]["materials"]}
    assert set(materials[1]) == {"id", "used", "properties", "surface_cm2"}
    assert materials[5]["bounding_box"] == {"width_cm": 28.0, "height_cm": 28.0, "count": 1}
    if not any_version.host.switches.old:
        assert materials[3]["group"] == {"name": "Shell Button", "type": "button"}
    assert {"r": 91, "g": 127, "b": 149} in found["colorways"][0]["colors"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("export_type", "name"),
    [
        ("MEDIA_RENDER", "a.png"),
        ("MEDIA_RENDER_RAY_TRACE", "b.png"),
        ("MEDIA_3D_SCENE", "c.glb"),
        ("TURNTABLE", "d.zip"),
        ("DXA_ASSET_BUNDLE", "e.zip"),
        ("VSTITCHER_FILE", "f.bw"),
    ],
)
def test_every_export_is_made_in_every_version(any_version: Desk, export_type: str, name: str) -> None:
    artwork = {"replacements": [{"name": "back-print", "path": picture(any_version.folder / "art.png")}]}
    reply = any_version.run(export_type, name, artwork=artwork, colorway="Pine", number_of_snapshots=2, cycles=2)
    assert reply["type"] == "done", reply
    assert (any_version.folder / name).stat().st_size > 100


def test_colorway_is_followed_by_its_snapshot(new: Desk) -> None:
    new.record("ColorwayCurrentSet", "SnapshotLoadEx", "GarmentDress", "RenderImageEx")
    for colorway in ("Harbour", "Pine", "Pine"):
        assert new.run("MEDIA_RENDER", "a.png", colorway=colorway)["type"] == "done"
    assert new.calls == [
        *("SnapshotLoadEx", "RenderImageEx"),
        *("ColorwayCurrentSet", "SnapshotLoadEx", "RenderImageEx"),
        "RenderImageEx",
    ]


def test_render_after_a_mutation_waits_for_the_simulation_and_keeps_its_drape(new: Desk) -> None:
    new.record("SnapshotLoadEx", "GarmentDress")
    for colorway in ("Harbour", "Pine"):
        assert new.run("MEDIA_RENDER", "a.png", "DELETE_TRIMS", colorway=colorway)["type"] == "done"
        assert new.reasons() == []
    assert new.calls == ["GarmentDress", "SnapshotLoadEx"]
    assert new.garment.drapes == 1


def test_snapshots_without_a_name_or_with_broken_information_are_no_obstacle(new: Desk, tmp_path: Path) -> None:
    def change(garment: Garment) -> None:
        garment.snapshots.insert(0, Snapshot("first", "x", 1, 3, "2023", broken=True))
        garment.snapshots.insert(1, Snapshot("second", "", 1, 3, "2023"))

    path = saved(tmp_path, change)
    found = scan(new, path=path, snapshot="final")
    assert [snapshot["name"] for snapshot in found["snapshots"]] == ["first", "second", "final"]
    assert new.run("SCAN", "scan.json", path=path, snapshot="second")["type"] == "done"
    reply = new.run("SCAN", "scan.json", path=path, snapshot="third")
    assert reply["message"].endswith("it has: first (first), second (second), final (snapshot-1)")


@pytest.mark.parametrize("suffix", ["png", "u3m", "u3ma"])
def test_artwork_replaces_a_material_by_name_in_every_colorway(any_version: Desk, suffix: str) -> None:
    path = any_version.folder / f"stripes.{suffix}"
    if suffix == "png":
        picture(path)
    else:
        other = open_program(dressed=False)
        assert other.set_texture(1, 2, Path(picture(any_version.folder / "lime.png", "lime"))) == 0
        other.api.MaterialExport(other.g, 1, 2, str(path))
    artwork = {"replacements": [{"name": "Back_Print", "path": str(path)}]}
    assert any_version.run("SCAN", "scan.json", artwork=artwork)["type"] == "done"
    assert any_version.events() == ["artwork_applied"]
    for colorway in (1, 2, 3, 4):
        material = any_version.garment.colorway(colorway).materials[5]
        assert Path(material["texture"]["path"]).suffix == ".png"
        assert material["name"] == ("back-print" if suffix == "png" else "Rib 1x1")
        assert len(any_version.garment.colorway(colorway).materials) == 7, "nothing is left over"


def test_artwork_goes_to_the_items_of_a_group_and_else_to_the_main_fabric(new: Desk, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    picture(bundle / "shell-button.png")
    artwork = {"bundle_dir": str(bundle), "file": picture(tmp_path / "anything.png")}
    assert new.run("SCAN", "scan.json", artwork=artwork)["type"] == "done"
    assert texture_names(new.garment, 3) == {"Shell": "shell-button.png", "Jersey 180": "anything.png"}
    reply = new.run(
        "SCAN", "scan.json", artwork={"replacements": [{"name": "logo", "path": picture(bundle / "l.png")}]}
    )
    assert "the garment has no such material; it has: Jersey 180, Rib 1x1, Shell, back-print" in reply["message"]


def test_artwork_keeps_the_size_of_the_texture_before(new: Desk, tmp_path: Path) -> None:
    first = {"replacements": [{"name": "sleeve", "path": picture(tmp_path / "a.png")}]}
    assert new.run("SCAN", "scan.json", artwork=first)["type"] == "done"
    texture = new.garment.colorway(1).materials[6]["texture"]
    assert (texture["width_cm"], texture["height_cm"]) == (20.0, 10.0)


def test_artwork_that_the_engine_does_not_take_is_reported(new: Desk, strict: Desk, tmp_path: Path) -> None:
    artwork = {"replacements": [{"name": "sleeve", "path": picture(tmp_path / "a.png")}]}
    for made in (new, strict):
        made.api.MaterialUpdateFromFile = lambda *arguments: None  # type: ignore[attr-defined]
    assert new.run("SCAN", "scan.json", artwork=artwork)["type"] == "done"
    assert new.reasons() == ["artwork a.png: the engine left 'sleeve' as it was"] * 4
    reply = strict.run("SCAN", "scan.json", artwork=artwork)
    assert reply["type"] == "failed"
    assert "artwork a.png: the engine left 'sleeve' as it was (engine.unproven_mutations)" in reply["message"]


def trims(garment: Garment) -> list[str]:
    return [shape.name for shape, _ in garment.trims()]


def test_deleting_trims_removes_buttons_and_keeps_artworks(new: Desk) -> None:
    found = scan(new, "DELETE_TRIMS")
    assert new.events() == ["mutation_applied"]
    assert trims(new.garment) == ["Hem Label"]
    for colorway in found["colorways"]:
        assert [m["id"] for m in colorway["materials"]] == [1, 2, 4, 5, 6]
    assert new.api.ColorwayCurrentGet(new.host.current) == 1


def test_trims_beside_artworks_are_deleted_in_every_colorway_and_nothing_else_is_lost(
    new: Desk, tmp_path: Path
) -> None:
    tee = open_program(dressed=False)
    for colorway in (1, 3):
        tee.garment.colorway(colorway).materials[2]["type"] = "trim"
        tee.api.ColorwayCurrentSet(tee.g, colorway)
        tee.api.MaterialContainerCreate(tee.g, 1, 2, Transformation(CoordinatesXY(30, 30), CoordinatesXY(3, 3)), 0)
    tee.api.ColorwayCurrentSet(tee.g, 2)
    tee.api.GarmentSaveAs(tee.g, str(tmp_path / "trims.bw"))
    art = {"replacements": [{"name": "back-print", "path": picture(tmp_path / "a.png")}]}
    assert new.run("SCAN", "scan.json", "DELETE_TRIMS", path=tmp_path / "trims.bw", artwork=art)["type"] == "done"
    assert new.reasons() == []
    for colorway in new.garment.colorways:
        assert [len(m.get("placements", [])) for i, m in colorway.materials.items() if i in (2, 5, 6)] == [0, 1, 1]
        assert colorway.removed == []
        assert texture_names(new.garment, colorway.id) == {"back-print": "a.png"}
    assert trims(new.garment) == ["Hem Label"]
    assert new.garment.current_colorway == 2


def test_trims_that_stay_in_use_are_reported(new: Desk, tmp_path: Path) -> None:
    new.api.ButtonDelete = lambda *arguments: None  # type: ignore[attr-defined]
    assert new.run("SCAN", "scan.json", "DELETE_TRIMS")["type"] == "done"
    assert new.reasons() == ["DELETE_TRIMS: trims are still in use: Shell Button"]
    with desk(tmp_path, Switches(old=True), "fail") as old:
        reply = old.run("SCAN", "scan.json", "DELETE_TRIMS")
        assert "DELETE_TRIMS: this version's API has no ButtonOneLocation" in reply["message"]


def test_deleting_trims_of_a_garment_without_any_says_so(new: Desk, tmp_path: Path) -> None:
    def change(garment: Garment) -> None:
        garment.shapes = [shape for shape in garment.shapes if shape.trim is None or shape.trim.kind != "button"]

    assert new.run("SCAN", "scan.json", "DELETE_TRIMS", path=saved(tmp_path, change))["type"] == "done"
    assert new.events() == ["unchanged"]


def test_symmetry_that_the_engine_keeps_is_reported_or_fails(any_version: Desk, strict: Desk) -> None:
    assert any_version.run("SCAN", "scan.json", "REMOVE_SYMMETRY")["type"] == "done"
    reason = "the engine keeps the symmetry of Front, Back, Sleeve Left, Sleeve Right, Neck Rib"
    assert any_version.reasons() == [f"REMOVE_SYMMETRY: {reason}"]
    reply = strict.run("SCAN", "scan.json", "REMOVE_SYMMETRY")
    assert reply["message"] == f"REMOVE_SYMMETRY: {reason} (engine.unproven_mutations)"


def test_symmetry_is_removed_where_the_engine_can(tmp_path: Path) -> None:
    with desk(tmp_path, Switches(unlinks=True), "fail") as made:
        assert made.run("SCAN", "scan.json", "REMOVE_SYMMETRY")["type"] == "done"
        assert made.events() == ["mutation_applied"]
        assert not any(shape.fold or shape.parent for shape in made.garment.pieces())


def test_seam_allowances_that_no_call_can_change_are_reported(new: Desk, tmp_path: Path) -> None:
    def change(garment: Garment) -> None:
        garment.shape(3).edges[0].seam_allowance = 2.5

    asked = {"set_seam_allowance_symmetrically": True, "bundle_type": "body"}
    assert new.run("DXA_ASSET_BUNDLE", "a.zip", path=saved(tmp_path, change), **asked)["type"] == "done"
    assert new.reasons() == [
        "set_seam_allowance_symmetrically: no documented call changes the seam allowances of Sleeve Left"
    ]


def test_garment_file_has_the_present_state_and_the_next_export_the_original(new: Desk, tmp_path: Path) -> None:
    art = {"replacements": [{"name": "back-print", "path": picture(tmp_path / "a.png")}]}
    assert new.run("VSTITCHER_FILE", "out.bw", "DELETE_TRIMS", artwork=art, colorway="Pine")["type"] == "done"
    assert new.host.garments == {}, "the saved garment is closed"
    garment = open_file(tmp_path / "out.bw", tmp_path)
    assert trims(garment) == ["Hem Label"]
    assert garment.current_colorway == 4
    assert texture_names(garment, 1) == {"back-print": "texture-1.png"}
    assert open_garment(tmp_path / "out.bw").names("colorways") == ["Harbour", "Chalk", "Ringer Brick", "Pine"]
    assert scan(new)["name"] == "tee"
    assert len(trims(new.garment)) == 3


def test_render_process_with_an_unknown_exit_code_is_judged_by_its_pictures(new: Desk, monkeypatch: Any) -> None:
    monkeypatch.setattr("tests.plugin_desk._ended", lambda message: {"code": 5, "ending": "exited with code 5"})
    reply = new.run("MEDIA_RENDER_RAY_TRACE", "a.png", cycles=2)
    assert reply["message"] == "the render process exited with code 5"


def test_3d_scene_takes_the_dots_per_inch_within_limits(new: Desk) -> None:
    asked = []
    new.api.RenderExport3DObject = lambda g, text: asked.append(json.loads(text))  # type: ignore[attr-defined]
    for dpi in (20, 300, 800):
        new.handler.link.canceled = None
        new.messages.clear()
        new.source.files.STALLED_S = 0.0
        new.run("MEDIA_3D_SCENE", "a.glb", dpi=dpi)
        limited = [m["event"]["used"] for m in new.messages if m["type"] == "event"]
        assert limited == ([] if dpi == 300 else [asked[-1]["layout"]["dpi"]])
    assert [options["layout"]["dpi"] for options in asked] == [50, 300, 400]


def test_bundle_names_its_garment(new: Desk, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("openjd_vstitcher.standin.techpack._PICTURE_PX", (16, 20))
    assert new.run("DXA_ASSET_BUNDLE", "a.zip", techpack_name="dxf")["type"] == "done"
    archive = zipfile.ZipFile(tmp_path / "a.zip")
    assert json.loads(archive.read("bundle.json"))["garment"] == "tee"
    assert json.loads(archive.read("techpack/output.json"))["preset"] == "dxf"
