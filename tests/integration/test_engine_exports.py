"""Exports and mutations through the plugin in the stand-in: every field of the presets has its effect."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ezdxf
import numpy as np
import pytest
import trimesh
from PIL import Image

from openjd_vstitcher.engine.installing import install
from tests.integration.engine_session import GARMENT, ROOT, Session, events, exists, export, opened, wait_until

REMOVE_SYMMETRY = {"type": "MUTATION", "mutation_type": "REMOVE_SYMMETRY", "output_file_name": "placeholder"}
DELETE_TRIMS = {"type": "MUTATION", "mutation_type": "DELETE_TRIMS", "output_file_name": "placeholder2"}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """One session for all tests of this module: each must get the garment in its desired state."""
    with opened(tmp_path_factory.mktemp("exports"), "standin_max_pixels = 20000") as made:
        made.write(garment_path=str(GARMENT))
        result = made.start()
        assert result.returncode == 0, result.stdout
        yield made


def made(session: Session, instruction: dict[str, Any], *options: str, mutations: Any = ()) -> list[dict[str, Any]]:
    """Make an export and return its events."""
    result = session.run(instruction, *options, mutations=mutations)
    assert result.returncode == 0, result.stdout
    return events(result.stdout)


def picture(session: Session, *options: str, **fields: Any) -> np.ndarray:
    """Render a picture and read it: rows of RGBA."""
    made(session, export("picture.png", **fields), *options)
    return np.asarray(Image.open(session.output / "picture.png").convert("RGBA")).astype(float)


def scanned(session: Session, *options: str, mutations: Any = (), **fields: Any) -> dict[str, Any]:
    """The content of a SCAN."""
    instruction = {"type": "EXPORT", "export_type": "SCAN", "output_file_name": "scan.json", **fields}
    made(session, instruction, *options, mutations=mutations)
    return dict(json.loads((session.output / "scan.json").read_text(encoding="utf-8")))


def bundled(session: Session, mutations: Any = (), **fields: Any) -> zipfile.ZipFile:
    """A DXA_ASSET_BUNDLE."""
    made(session, bundle(**fields), mutations=mutations)
    return zipfile.ZipFile(io.BytesIO((session.output / "bundle.zip").read_bytes()))


def bundle(**fields: Any) -> dict[str, Any]:
    return {"type": "EXPORT", "export_type": "DXA_ASSET_BUNDLE", "output_file_name": "bundle.zip", **fields}


def shown(image: np.ndarray) -> np.ndarray:
    """The mean color of the opaque pixels."""
    mean: np.ndarray = image[image[..., 3] > 200][:, :3].mean(axis=0)
    return mean


def test_dpi_sets_the_size_of_an_8_by_10_inch_picture(session: Session) -> None:
    assert picture(session, dpi=6).shape == (60, 48, 4)
    assert picture(session, dpi=10).shape == (100, 80, 4)


def test_picture_smaller_than_requested_is_reported_with_the_reason(session: Session) -> None:
    limited, exported = made(session, export("big.png", dpi=300))
    assert (limited["event"], limited["output"], limited["field"], limited["asked"]) == (
        "limited",
        "big.png",
        "dpi",
        300,
    )
    assert limited["used"] < 300
    assert "20000 pixels" in limited["reason"]
    assert exported["event"] == "exported"


def test_camera_position_and_view_show_different_sides(session: Session) -> None:
    front = picture(session, camera_position={"x": 0, "y": -400, "z": 100})
    side = picture(session, camera_position={"x": 400, "y": 0, "z": 100})
    named = picture(session, camera_view="GarmentRight")
    covered = [(image[..., 3] > 200).sum() for image in (front, side, named)]
    assert covered[0] > 1.3 * covered[1]
    assert covered[2] < 0.8 * covered[0]


def test_avatar_is_shown_only_on_request(session: Session) -> None:
    without, with_avatar = picture(session), picture(session, include_avatar=True)
    assert (with_avatar[..., 3] > 200).sum() > 1.1 * (without[..., 3] > 200).sum()


def test_background_is_transparent_by_default(session: Session) -> None:
    assert picture(session)[0, 0, 3] == 0
    assert picture(session, background="#ff0000")[0, 0].tolist()[3] == 255


def test_colorway_is_chosen_by_name_and_by_id_and_only_for_one_export(session: Session) -> None:
    usual = shown(picture(session))
    pine = shown(picture(session, colorway="Pine"))
    by_id = shown(picture(session, "--colorway", "4"))
    assert np.abs(usual - pine).max() > 20
    assert np.abs(pine - by_id).max() < 5
    assert np.abs(shown(picture(session)) - usual).max() < 5


@pytest.mark.parametrize(("option", "kind"), [("--colorway", "colorway"), ("--garment-snapshot", "snapshot")])
def test_unknown_choice_fails_with_the_list_of_choices(session: Session, option: str, kind: str) -> None:
    result = session.run(export(), option, "Nonsense")
    assert result.returncode == 1
    assert f"the garment has no {kind} 'Nonsense'; it has: " in result.stdout


def test_snapshot_is_chosen_by_name(session: Session) -> None:
    made(session, export("snap.png"), "--garment-snapshot", "final")
    again = made(session, export("snap.png"), "--garment-snapshot", "final")
    assert [event["event"] for event in again] == ["exported"]


def test_ray_trace_reports_its_progress(session: Session) -> None:
    result = session.run(export("traced.png", export_type="MEDIA_RENDER_RAY_TRACE", dpi=10, cycles=4))
    assert result.returncode == 0, result.stdout
    assert "openjd_progress: 100.0" in result.stdout
    assert Image.open(session.output / "traced.png").size == (80, 100)


def test_3d_scene_can_be_read_and_has_the_avatar_only_on_request(session: Session) -> None:
    scene = {"type": "EXPORT", "export_type": "MEDIA_3D_SCENE", "output_file_name": "3d.glb"}
    made(session, scene)
    pieces = trimesh.load(session.output / "3d.glb", force="scene")
    made(session, {**scene, "include_avatar": True})
    dressed = trimesh.load(session.output / "3d.glb", force="scene")
    assert len(dressed.geometry) > len(pieces.geometry) >= 5


def test_turntable_in_one_go_and_frame_by_frame_are_the_same(session: Session) -> None:
    turntable = {"type": "EXPORT", "export_type": "TURNTABLE", "output_file_name": "turn.zip", "dpi": 6}
    made(session, {**turntable, "number_of_snapshots": 3})
    archive = zipfile.ZipFile(session.output / "turn.zip")
    assert archive.namelist() == ["0001.png", "0002.png", "0003.png"]
    made(session, turntable, "--frame", "2", "--frames", "3")
    frame = session.output / "turn.zip.frames" / "0002.png"
    assert frame.read_bytes() == archive.read("0002.png")
    assert frame.read_bytes() != archive.read("0001.png")


def test_frame_beyond_the_last_one_is_refused(session: Session) -> None:
    turntable = {"type": "EXPORT", "export_type": "TURNTABLE", "output_file_name": "turn.zip", "dpi": 6}
    result = session.run(turntable, "--frame", "4", "--frames", "3")
    assert result.returncode == 1
    assert "there is no frame 4 of 3" in result.stdout


@pytest.mark.slow
def test_bundle_has_pieces_rulers_materials_and_an_index_of_all(session: Session) -> None:
    archive = bundled(session, bundle_type="style")
    index = json.loads(archive.read("bundle.json"))
    assert index["bundle_type"] == "style"
    assert {entry["path"] for entry in index["files"]} == set(archive.namelist()) - {"bundle.json"}
    [drawing] = [name for name in archive.namelist() if name.endswith(".dxf")]
    pieces = ezdxf.read(io.StringIO(archive.read(drawing).decode("utf-8")))
    assert len([block for block in pieces.blocks if not block.name.startswith("*")]) >= 5
    assert len(json.loads(archive.read("rulers.json"))) == 12


@pytest.mark.slow
def test_same_bundle_twice_is_the_same_bytes(session: Session) -> None:
    fields: dict[str, Any] = {"techpack_name": "tp-p2f-renders"}
    made(session, bundle(**fields))
    first = (session.output / "bundle.zip").read_bytes()
    made(session, {**bundle(**fields), "export_type": "DXA_BODY_ASSET_BUNDLE"})
    assert (session.output / "bundle.zip").read_bytes() == first


@pytest.mark.slow
def test_seam_allowances_that_are_the_same_all_around_are_symmetric_already(session: Session) -> None:
    archive = bundled(session, bundle_type="body", set_seam_allowance_symmetrically=True)
    assert json.loads(archive.read("bundle.json"))["symmetric_seam_allowances"]
    reported = made(session, {"type": "EXPORT", "export_type": "SCAN", "output_file_name": "scan.json"})
    assert [event["event"] for event in reported] == ["exported"]


def test_scan_is_complete(session: Session) -> None:
    scan = scanned(session)
    assert [shape["name"] for shape in scan["shapes"]][:2] == ["Front", "Back"]
    assert [colorway["name"] for colorway in scan["colorways"]] == ["Harbour", "Chalk", "Ringer Brick", "Pine"]
    assert len(scan["rulers"]) == 12
    assert [size["name"] for size in scan["sizes"]] == ["XS", "S", "M", "L", "XL"]
    assert scan["snapshots"][0]["name"] == "final"
    assert str(GARMENT.parent) not in json.dumps(scan)


def test_mutations_are_applied_once_and_undone_by_reopening(session: Session) -> None:
    plain = scanned(session)
    assert symmetric(plain)
    assert groups(plain) == {"Shell Button"}
    scan = {"type": "EXPORT", "export_type": "SCAN", "output_file_name": "scan.json"}
    told = [[event["event"] for event in made(session, scan, mutations=m)] for m in _HISTORIES]
    assert told == [
        ["unproven", "exported"],
        ["exported"],
        ["mutation_applied", "exported"],
        ["garment_reopened", "mutation_applied", "exported"],
        ["garment_reopened", "exported"],
    ]
    both = scanned(session, mutations=[REMOVE_SYMMETRY, DELETE_TRIMS])
    assert groups(both) == set()
    assert {"label", "back-print", "sleeve"} <= names(both)
    assert scanned(session) == plain


def symmetric(scan: dict[str, Any]) -> list[str]:
    """The names of the pieces with a symmetry."""
    return [shape["name"] for shape in scan["shapes"] if shape["properties"]["symmetry"]]


def groups(scan: dict[str, Any]) -> set[str]:
    """The names of the group materials."""
    return {m["group"]["name"] for c in scan["colorways"] for m in c["materials"] if "group" in m}


def names(scan: dict[str, Any]) -> set[str]:
    """The names of the single materials."""
    single = [m["properties"] for c in scan["colorways"] for m in c["materials"] if "properties" in m]
    return {properties["material"]["name"] for properties in single}


_HISTORIES = (
    [REMOVE_SYMMETRY],
    [{**REMOVE_SYMMETRY, "output_file_name": "another placeholder"}],
    [REMOVE_SYMMETRY, DELETE_TRIMS],
    [DELETE_TRIMS],
    [],
)


@pytest.mark.slow
def test_steps_in_reverse_order_and_separate_sessions_make_the_same_files(tmp_path: Path) -> None:
    preset = json.loads((ROOT / "examples" / "presets" / "techpack_p2f_v0.json").read_text(encoding="utf-8"))
    steps: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
    mutations: list[dict[str, Any]] = []
    for instruction in preset["details"]["instructions"]:
        if instruction["type"] == "MUTATION":
            mutations = [*mutations, instruction]
        else:
            small = {"dpi": 8, "number_of_snapshots": 3} if instruction["export_type"] == "TURNTABLE" else {}
            steps.append(({**instruction, **small}, mutations))
    with opened(tmp_path / "one", "") as one:
        one.write(garment_path=str(GARMENT))
        assert one.start().returncode == 0
        for instruction, before in steps:
            made(one, instruction, mutations=before)
    for number, (instruction, before) in enumerate(reversed(steps)):
        with opened(tmp_path / str(number), "") as alone:
            alone.write(garment_path=str(GARMENT))
            assert alone.start().returncode == 0
            made(alone, instruction, mutations=before)
        name = instruction["output_file_name"]
        ours, theirs = (zipfile.ZipFile(s.output / name) for s in (one, alone))
        assert ours.namelist() == theirs.namelist()
        for member in ours.namelist():
            assert content(ours, member) == content(theirs, member), f"{name}: {member}"


def content(archive: zipfile.ZipFile, member: str) -> Any:
    """The content to compare: the pixels of an image, the bytes of any other file."""
    data = archive.read(member)
    return Image.open(io.BytesIO(data)).convert("RGBA").tobytes() if member.endswith(".png") else data


def test_unknown_types_are_refused_by_name(session: Session) -> None:
    result = session.run(export(export_type="HOLOGRAM"))
    assert "there is no module hologram.py for HOLOGRAM" in result.stdout
    result = session.run(export(), mutations=[{"type": "MUTATION", "mutation_type": "SHRINK"}])
    assert "front.png failed in stage mutate: there is no module shrink.py for SHRINK" in result.stdout
    assert scanned(session)["name"] == "tee"


@pytest.mark.slow
def test_artwork_is_assigned_by_the_documented_rule(tmp_path: Path) -> None:
    bundle_dir = tmp_path / "bundle"
    bundle_dir.mkdir()
    for name, colour in (
        ("stripes", "red"),
        ("bundle/back_print", "lime"),
        ("bundle/unused", "blue"),
        ("label-v2", "white"),
    ):
        Image.new("RGB", (8, 8), colour).save(tmp_path / f"{name}.png")
    with opened(tmp_path, "standin_max_pixels = 20000") as session:
        session.write(
            garment_path=str(GARMENT),
            local_artwork_path=str(tmp_path / "stripes.png"),
            local_artwork_bundle_dir_path=str(bundle_dir),
            artwork_replacements=[{"name": "Label", "local_file_path": str(tmp_path / "label-v2.png")}],
        )
        result = session.start()
        assert result.returncode == 0, result.stdout
        applied = {(e["material"], e["file"]) for e in events(result.stdout) if e["event"] == "artwork_applied"}
        assert applied == {("label", "label-v2.png"), ("back-print", "back_print.png"), ("Jersey 180", "stripes.png")}
        red, green, blue = shown(picture(session, camera_view="GarmentFront"))
        assert red > 3 * max(green, blue)
        for colorway in scanned(session)["colorways"]:
            (cloth,) = (m["properties"]["material"] for m in colorway["materials"] if m["id"] == 1)
            assert cloth["name"] == "Jersey 180"
            assert cloth["front"]["basecolor"]["texture"]["image"]["path"] == "stripes.png"


def test_replacement_for_a_missing_material_fails(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "logo.png")
    with opened(tmp_path, "") as session:
        replacement = {"name": "logo", "local_file_path": str(tmp_path / "logo.png")}
        session.write(garment_path=str(GARMENT), artwork_replacements=[replacement])
        result = session.start()
        assert result.returncode == 1
        assert "artwork for 'logo': the garment has no such material; it has: " in result.stdout


@pytest.mark.slow
def test_custom_export_type(tmp_path: Path) -> None:
    example = ROOT / "examples" / "custom_export"
    preset = json.loads((example / "preset.json").read_text(encoding="utf-8"))
    with opened(tmp_path, f"extra_exports = {str(example)!r}\nstandin_max_pixels = 20000") as session:
        session.write(garment_path=str(GARMENT))
        assert session.start().returncode == 0
        made(session, preset["details"]["instructions"][0])
        archive = zipfile.ZipFile(session.output / "colorways.zip")
        assert archive.namelist() == ["01 Harbour.png", "02 Pine.png"]
        assert archive.read("01 Harbour.png") != archive.read("02 Pine.png")


@pytest.mark.slow
def test_plugin_in_the_gui_does_the_same_as_the_script(tmp_path: Path, session: Session) -> None:
    plugins = tmp_path / "plugins"
    install(plugins)
    command = f"[engine.command]\nvstitcher = [{sys.executable!r}, '-m', 'openjd_vstitcher.standin', '--gui']"
    with opened(tmp_path, command, OPENJD_VS_STANDIN_PLUGINS=str(plugins)) as gui:
        gui.write(garment_path=str(GARMENT))
        result = gui.start("vstitcher")
        assert result.returncode == 0, result.stdout
        assert events(result.stdout)[-1]["engine"] == "vstitcher"
        assert scanned(gui, mutations=[DELETE_TRIMS]) == scanned(session, mutations=[DELETE_TRIMS])
        traced = export("traced.png", export_type="MEDIA_RENDER_RAY_TRACE", dpi=10, cycles=4)
        assert made(gui, traced)[-1]["event"] == "exported"
        supervisor = gui.connection["supervisor_pid"]
        gui.stop()
        wait_until(lambda: not exists(supervisor), "the end of the supervisor")


@pytest.mark.slow
def test_unproven_mutation_fails_the_export_if_the_configuration_says_so(tmp_path: Path) -> None:
    with opened(tmp_path, 'unproven_mutations = "fail"') as session:
        session.write(garment_path=str(GARMENT))
        assert session.start().returncode == 0
        scan = {"type": "EXPORT", "export_type": "SCAN", "output_file_name": "scan.json"}
        result = session.run(scan, mutations=[REMOVE_SYMMETRY])
        assert result.returncode == 1
        assert "failed in stage mutate: REMOVE_SYMMETRY: the engine keeps the symmetry of Front" in result.stdout
        assert not (session.output / "scan.json").exists()
        assert made(session, scan)[-1]["event"] == "exported"


def test_garment_file_is_made_and_can_be_opened_by_a_session(session: Session, tmp_path: Path) -> None:
    file = {"type": "EXPORT", "export_type": "VSTITCHER_FILE", "output_file_name": "out.bw"}
    told = [event["event"] for event in made(session, file, mutations=[DELETE_TRIMS])]
    assert told[-2:] == ["mutation_applied", "exported"]
    with opened(tmp_path, "") as other:
        other.write(garment_path=str(session.output / "out.bw"))
        assert other.start().returncode == 0
        found = scanned(other)
        assert (found["name"], groups(found)) == ("out", set())
