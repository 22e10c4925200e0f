"""The stand-in's pictures: what they show, that they are reproducible, and what changes them."""

from __future__ import annotations

import io
import json
import runpy
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from openjd_vstitcher.standin.codes import Code
from openjd_vstitcher.standin.loading import open_file

from ..standin_api import TEE, open_program

PRESET_CAMERAS = [(0, -400, 100), (-250, -250, 100), (250, -250, 100)]


@pytest.fixture
def tee():
    return open_program()


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        assert picture.mode == "RGBA"
        return np.asarray(picture).astype(int)


def at(position):
    return {"position": dict(zip("xyz", position, strict=True))}


def cloth_color(image: np.ndarray) -> np.ndarray:
    """Mean colour of the centre of the chest."""
    height, width = image.shape[:2]
    chest = image[int(height * 0.35) : int(height * 0.55), int(width * 0.4) : int(width * 0.6)]
    assert (chest[..., 3] == 255).all()
    return chest[..., :3].mean(axis=(0, 1))


@pytest.mark.parametrize("position", PRESET_CAMERAS, ids=str)
def test_whole_garment_is_on_the_picture_and_nothing_else(tee, tmp_path, position):
    assert tee.render(tmp_path / "x.png", camera=at(position)) == 0
    alpha = pixels(tmp_path / "x.png")[..., 3]
    height, width = alpha.shape
    rows, columns = np.nonzero(alpha > 0)
    assert 0.03 * height < rows.min() < 0.3 * height
    assert 0.7 * height < rows.max() < 0.97 * height
    assert columns.min() > 0.03 * width
    assert columns.max() < 0.97 * width
    assert 0.2 < (alpha == 255).mean() < 0.7


@pytest.mark.parametrize("position", [*PRESET_CAMERAS, (0, 400, 100), (400, 0, 116), (150, -250, 320)], ids=str)
def test_no_face_is_black_and_no_pixel_is_burnt_out(tee, tmp_path, position):
    tee.render(tmp_path / "x.png", camera=at(position))
    image = pixels(tmp_path / "x.png")
    cloth = image[image[..., 3] == 255][:, :3]
    assert (cloth.max(axis=1) < 20).mean() < 0.001
    assert (cloth.min(axis=1) > 250).mean() < 0.002


def test_shirt_is_seen_from_the_front(tee, tmp_path):
    """The label is at the hem on the wearer's left, which is the right of a picture from the front."""
    tee.render(tmp_path / "front.png", (320, 400))
    tee.render(tmp_path / "back.png", (320, 400), camera=at((0, 400, 116)))
    front, back = pixels(tmp_path / "front.png"), pixels(tmp_path / "back.png")
    light = (front[..., :3].min(axis=2) > 140) & (front[..., 3] == 255)
    rows, columns = np.nonzero(light[300:340])
    assert len(rows) > 20
    assert 190 < np.median(columns) < 230
    assert not ((back[..., :3].min(axis=2) > 140) & (back[..., 3] == 255))[300:340].any()


def test_same_request_gives_the_same_bytes_regardless_of_earlier_renders(tee, tmp_path):
    tee.render(tmp_path / "1.png")
    tee.render(tmp_path / "other.png", (80, 100), camera=at((250, -250, 100)))
    tee.render(tmp_path / "2.png")
    open_program().render(tmp_path / "3.png")
    assert len({(tmp_path / f"{n}.png").read_bytes() for n in (1, 2, 3)}) == 1


def test_request_with_many_captures_gives_the_same_pictures_as_many_requests(tee, tmp_path):
    front = tee.api.EnvironmentCameraViewGet(tee.g, "GarmentFront")
    cameras = json.loads(tee.api.EnvironmentTurntableCameraPositionsGet(front, 3))
    request = {
        "render": {"normal": {}},
        "captures": [{"camera": c, "path": str(tmp_path / f"{i}.png")} for i, c in enumerate(cameras)],
        "width": 80,
        "height": 100,
    }
    tee.api.RenderImageEx(tee.g, json.dumps(request))
    for number, camera in enumerate(cameras):
        tee.render(tmp_path / "single.png", (80, 100), camera=camera)
        assert (tmp_path / "single.png").read_bytes() == (tmp_path / f"{number}.png").read_bytes()


def test_picture_names_the_software_and_is_eight_inches_wide(tee, tmp_path):
    tee.render(tmp_path / "x.png", (160, 200))
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.text["Software"].startswith("openjd-vstitcher stand-in ")
        assert picture.info["dpi"] == pytest.approx((20, 20), abs=0.05)


def test_picture_over_the_limit_is_scaled_down_with_the_same_aspect(tee, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENJD_VS_STANDIN_MAX_PIXELS", "8000")
    tee.render(tmp_path / "x.png", (6400, 8000))
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.size == (80, 100)


def test_background_can_be_a_colour(tee, tmp_path):
    tee.render(tmp_path / "x.png", render={"normal": {"background": "#ff0000"}})
    assert pixels(tmp_path / "x.png")[0, 0].tolist() == [255, 0, 0, 255]


def test_colorway_changes_the_cloth(tee, tmp_path):
    colors = {}
    for colorway in (1, 2, 4):
        tee.api.ColorwayCurrentSet(tee.g, colorway)
        tee.render(tmp_path / "x.png")
        colors[colorway] = cloth_color(pixels(tmp_path / "x.png"))
    assert colors[1][2] > colors[1][0] + 30
    assert colors[2].min() > 150
    assert colors[4][1] > colors[4][0]


def test_avatar_is_shown_on_request(tee, tmp_path):
    tee.render(tmp_path / "without.png")
    tee.render(tmp_path / "with.png", include_avatar=True)
    without, shown = pixels(tmp_path / "without.png")[..., 3], pixels(tmp_path / "with.png")[..., 3]
    assert shown.sum() > without.sum() * 1.2


@pytest.mark.slow
def test_deleted_trims_and_pieces_vanish(tee, tmp_path):
    tee.render(tmp_path / "all.png", (320, 400))
    tee.delete_trims()
    tee.render(tmp_path / "no_trims.png", (320, 400))
    difference = np.abs(pixels(tmp_path / "all.png") - pixels(tmp_path / "no_trims.png")).max(axis=2) > 60
    rows, columns = np.nonzero(difference)
    assert ((rows > 300) & (columns > 190)).sum() > 30
    tee.api.ShapeDelete(tee.g, 3)
    tee.render(tmp_path / "no_sleeves.png", (320, 400))
    columns = np.nonzero(pixels(tmp_path / "no_sleeves.png")[..., 3])[1]
    assert columns.min() > 75
    assert columns.max() < 245


def test_artwork_is_on_the_piece_upright(tee, tmp_path):
    artwork = Image.new("RGBA", (100, 100), (255, 0, 0, 255))
    artwork.paste((0, 255, 0, 255), (0, 0, 100, 50))
    artwork.save(tmp_path / "art.png")
    assert tee.set_texture(1, 5, tmp_path / "art.png") == 0
    tee.render(tmp_path / "back.png", (320, 400), camera=at((0, 400, 116)))
    image = pixels(tmp_path / "back.png")
    green = np.nonzero(image[..., 1] > image[..., 0] + 80)[0]
    red = np.nonzero(image[..., 0] > image[..., 1] + 80)[0]
    assert len(green) > 500
    assert len(red) > 500
    assert np.median(green) < np.median(red)


def test_fabric_texture_is_tiled_over_the_cloth(tee, tmp_path):
    Image.new("RGB", (10, 10), (250, 250, 250)).save(tmp_path / "white.png")
    stripes = Image.new("RGB", (10, 40), (250, 250, 250))
    stripes.paste((10, 10, 10), (0, 0, 10, 20))
    stripes.save(tmp_path / "stripes.png")
    assert tee.set_texture(1, 1, tmp_path / "stripes.png", width_mm=20) == 0
    tee.render(tmp_path / "x.png", (320, 400))
    middle = pixels(tmp_path / "x.png")[130:320, 160, :3].mean(axis=1)
    changes = np.count_nonzero(np.diff((middle > middle.mean()).astype(int)))
    assert 8 <= changes <= 14


def test_light_exposure_brightens(tee, tmp_path):
    tee.render(tmp_path / "1.png")
    tee.api.EnvironmentLightInfoSet("Soft box.hdr", '{"exposure": 1.0}')
    tee.render(tmp_path / "2.png")
    assert cloth_color(pixels(tmp_path / "2.png")).mean() > cloth_color(pixels(tmp_path / "1.png")).mean() + 20


def test_render_needs_a_dressed_avatar(tmp_path):
    tee = open_program(dressed=False)
    assert tee.render(tmp_path / "x.png") == Code.NO_SNAPSHOT_AVAILABLE
    tee.api.SnapshotLoad(tee.g, tee.api.GarmentSnapshotIdsEx(tee.g)[0])
    assert tee.render(tmp_path / "x.png") == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"width": 0}, Code.INVALID_ARGUMENT),
        ({"height": "tall"}, Code.INVALID_ARGUMENT),
        ({"captures": []}, Code.INVALID_ARGUMENT),
        ({"captures": [{"path": "x.png"}]}, Code.INVALID_ARGUMENT),
        ({"render": {"painted": {}}}, Code.INVALID_ARGUMENT),
        ({"render": {"normal": {"background": "pink"}}}, Code.INVALID_ARGUMENT),
        ({"camera": {"position": {"x": 1}}}, Code.INVALID_ARGUMENT),
        ({"camera": {"position": {"x": float("nan"), "y": 0, "z": 0}}}, Code.INVALID_ARGUMENT),
        ({"camera": {"fov": 500}}, Code.INVALID_ARGUMENT),
    ],
    ids=str,
)
def test_invalid_requests_are_errors(tee, tmp_path, changes, code):
    assert tee.render(tmp_path / "x.png", **changes) == code
    assert not (tmp_path / "x.png").exists()


def test_picture_that_cannot_be_written_is_an_error(tee, tmp_path):
    assert tee.render(tmp_path / "none" / "x.png", (16, 20)) == Code.CANNOT_WRITE


def test_ray_trace_command_renders_in_a_separate_process(tee, tmp_path):
    request = {
        "render": {"ray_trace": {"cycles": 64, "background": "transparent"}},
        "captures": [{"camera": tee.camera(), "path": str(tmp_path / "x.png")}],
        "width": 80,
        "height": 100,
    }
    command = tee.api.RenderRayTraceCMD(tee.g, json.dumps(request))
    assert not (tmp_path / "x.png").exists()
    for arguments in (shlex.split(command), [part.strip('"') for part in shlex.split(command, posix=False)]):
        assert arguments[1:3] == ["-m", "openjd_vstitcher.standin.raytrace"]
    done = subprocess.run(shlex.split(command), capture_output=True, text=True, timeout=100, check=True)
    progress = [float(line.split()[1]) for line in done.stdout.splitlines()]
    assert progress == sorted(progress)
    assert (progress[0], progress[-1]) == (0.0, 100.0)
    assert pixels(tmp_path / "x.png").shape == (100, 80, 4)


def test_ray_trace_command_that_cannot_write_fails(tee, tmp_path):
    request = {
        "render": {"ray_trace": {"cycles": 8}},
        "captures": [{"camera": tee.camera(), "path": str(tmp_path / "none" / "x.png")}],
        "width": 16,
        "height": 20,
    }
    command = shlex.split(tee.api.RenderRayTraceCMD(tee.g, json.dumps(request)))
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert "x.png" in done.stderr


def test_ray_trace_can_misbehave_in_its_own_process(tee, tmp_path, monkeypatch):
    rule = {"what": "exit", "in": "raytrace", "code": 5}
    request = {
        "render": {"ray_trace": {"cycles": 8}},
        "captures": [{"camera": tee.camera(), "path": str(tmp_path / "x.png")}],
        "width": 16,
        "height": 20,
    }
    monkeypatch.setenv("OPENJD_VS_STANDIN_MISBEHAVE", json.dumps(rule))
    command = shlex.split(tee.api.RenderRayTraceCMD(tee.g, json.dumps(request)))
    assert subprocess.run(command, capture_output=True, timeout=100, check=False).returncode == 5


def test_sample_garment_matches_the_output_of_its_script(tmp_path):
    make = runpy.run_path(str(TEE.with_name("make_tee.py")))["main"]
    make(tmp_path / "tee.bw")
    made, committed = (open_file(path, tmp_path) for path in (tmp_path / "tee.bw", TEE))
    assert made.document() == committed.document()
    assert made.model == committed.model
    assert made.avatar == committed.avatar
    with Image.open(io.BytesIO(committed.preview)) as picture:
        assert picture.size == (256, 320)


def test_ray_trace_job_reports_its_status(tee, tmp_path):
    request = {
        "render": {"ray_trace": {"cycles": 8}},
        "captures": [{"camera": tee.camera(), "path": str(tmp_path / "x.png")}],
        "width": 16,
        "height": 20,
    }
    job = tee.api.RenderImageEx(tee.g, json.dumps(request))
    assert job
    tee.host.ray_traces[job].wait(100)
    status = json.loads(tee.api.RenderJobStatusGet(tee.g, job))
    assert status == {"id": job, "status": "done", "info": "", "additional_info": "", "progress": 1.0}
    assert (tmp_path / "x.png").exists()
    assert json.loads(tee.api.RenderJobStatusGet(tee.g, "render-99"))["status"] == "unknown"


def test_plain_mesh_is_rendered(tmp_path):
    glb = open_program(TEE.with_name("tee.glb"))
    assert glb.render(tmp_path / "x.png") == 0
    assert (pixels(tmp_path / "x.png")[..., 3] == 255).mean() > 0.2
