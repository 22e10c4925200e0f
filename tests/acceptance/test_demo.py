"""The main job, from the queue to the catalogue, as `make demo` runs it (with smaller pictures)."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from openjd_vstitcher.config import load_config
from openjd_vstitcher.events import Unknown
from openjd_vstitcher.journal import Entry, read_journal
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.resources import resource

from .conftest import BIN, SMALL_PICTURES, commands_environment
from .test_render import nothing_is_left, processes_about

PIECES = {"Front", "Back", "Sleeve Left", "Sleeve Right", "Neck Rib"}


@dataclass
class Demo:
    folder: Path
    done: subprocess.CompletedProcess[str]

    @property
    def outputs(self) -> dict[str, Path]:
        return {path.name: path for path in (self.folder / "storage" / "style-assets").rglob("*") if path.is_file()}

    def events(self, preset: str) -> list[Entry]:
        for journal in (self.folder / "jobs").glob("*/journal.jsonl"):
            events = list(read_journal(journal))
            if events[0].fields["preset"] == preset:
                return events
        raise AssertionError(f"no journal of {preset}")


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [BIN / "openjd-vs", "demo", "-o", f"{folder}/demo"],
            capture_output=True,
            text=True,
            timeout=110,
            env={**commands_environment(), "PATH": "/usr/bin:/bin"},
        )
        yield Demo(Path(folder) / "demo", done)


def test_each_thing_is_told_once(demo: Demo) -> None:
    told = [
        line for line in (demo.done.stdout + demo.done.stderr).splitlines() if "render.png: dpi 800 was limited" in line
    ]
    assert len(told) == 1


def test_it_makes_all_seven_exports(demo: Demo) -> None:
    assert demo.done.returncode == 0, demo.done.stdout[-3000:] + demo.done.stderr[-2000:]
    assert set(demo.outputs) == {
        "left_front.png",
        "front.png",
        "right_front.png",
        "3d.glb",
        "render.png",
        "turntable.zip",
        "asset_bundle.zip",
    }


def test_the_queue_and_the_catalogue_tell_the_outcome(demo: Demo) -> None:
    platform = open_platform(load_config(demo.folder / "config.toml").platform)
    try:
        jobs = platform.jobs()
        assert len(jobs) == 2
        for job in jobs:
            assert platform.assets(job.id)
            assert (job.status, job.attempt) == ("COMPLETED_SUCCESS", 1)
            assert job.started_at is not None
            assert job.ended_at is not None
            assert job.ended_at > job.started_at
            for asset in platform.assets(job.id):
                assert asset.status == "UPLOADED"
                assert asset.is_public_facing
                assert asset.path == f"s3://style-assets/exports/{job.id}/{asset.name}"
                stored = demo.outputs[asset.name]
                assert asset.details["size_bytes"] == stored.stat().st_size
                assert asset.details["engine"]["kind"] == "standin"
                assert len(asset.details["template_sha256"]) == 64
                assert asset.details["attempt"] == 1
    finally:
        platform.close()


def test_the_first_asset_is_stored_before_the_last_export_begins(demo: Demo) -> None:
    events = demo.events("onboarding_v0")
    stored = [e.seq for e in events if e.name == "output_registered"]
    begun = [e.seq for e in events if e.name == "action_started" and e.fields["kind"] == "run"]
    assert min(stored) < max(begun)


@pytest.mark.parametrize("preset", ["onboarding_v0", "techpack_v0"])
def test_every_event_is_known_and_valid(demo: Demo, preset: str) -> None:
    schema = Draft202012Validator(json.loads(resource("schemas/event.schema.json").read_text()))
    events = demo.events(preset)
    assert events
    for entry in events:
        schema.validate(entry.as_json())
        assert not isinstance(entry.event, Unknown), entry


def test_a_picture_that_was_made_smaller_is_in_the_journal_and_says_what_made_it(demo: Demo) -> None:
    from PIL import Image

    [limited] = [e for e in demo.events("onboarding_v0") if e.name == "limited" and e.fields["output"] == "render.png"]
    assert limited.fields["asked"] == 800
    with Image.open(demo.outputs["render.png"]) as picture:
        assert picture.size[0] * picture.size[1] <= SMALL_PICTURES
        assert abs(picture.size[0] / picture.size[1] - 0.8) < 0.02
        assert "stand-in" in json.dumps({k: str(v) for k, v in picture.info.items()})


def test_the_front_is_the_shirt_from_the_front_on_a_clear_background(demo: Demo) -> None:
    import numpy
    from PIL import Image

    with Image.open(demo.outputs["front.png"]) as picture:
        pixels = numpy.asarray(picture.convert("RGBA")).astype(float)
    alpha = pixels[..., 3] / 255
    assert alpha[0].max() == 0
    assert alpha[-1].max() == 0
    assert 0.15 < alpha.mean() < 0.7
    mirrored = numpy.abs(alpha - alpha[:, ::-1]).mean()
    assert mirrored < 0.05, "a shirt from the front is as wide on the left as on the right"
    shirt = pixels[alpha > 0.9][:, :3].mean(axis=0)
    assert shirt.max() > 40
    assert shirt.max() < 250


def test_the_turntable_has_24_pictures_that_go_round(demo: Demo) -> None:
    import numpy
    from PIL import Image

    with zipfile.ZipFile(demo.outputs["turntable.zip"]) as archive:
        names = sorted(archive.namelist())
        frames = [numpy.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGBA")) for name in names]
    assert len(frames) == 24
    widths = [int((frame[..., 3] > 128).any(axis=0).sum()) for frame in frames]
    assert len({frame.tobytes() for frame in frames}) == 24
    assert widths[0] > 1.3 * widths[6]
    assert widths[12] > 1.3 * widths[18]


def test_the_scene_opens_in_trimesh_with_every_piece(demo: Demo) -> None:
    import trimesh

    scene: Any = trimesh.load(demo.outputs["3d.glb"])
    assert len(scene.geometry) >= len(PIECES)
    low, high = scene.bounds
    assert 0.5 < high[1] - low[1] < 1.0


def test_the_dxf_opens_in_ezdxf_with_all_pieces(demo: Demo) -> None:
    import ezdxf

    with zipfile.ZipFile(demo.outputs["asset_bundle.zip"]) as archive:
        names = [name for name in archive.namelist() if name.endswith(".dxf")]
        blocks: set[str] = set()
        for name in names:
            drawing = ezdxf.read(io.StringIO(archive.read(name).decode()))
            assert drawing.units == ezdxf.units.CM
            blocks |= {block.name for block in drawing.blocks if not block.name.startswith("*")}
    assert {block.replace("-", " ").title() for block in blocks} == PIECES


def test_the_command_that_it_prints_works_when_pasted_where_nothing_is_activated(demo: Demo) -> None:
    command = demo.done.stdout.splitlines()[-1]
    pasted = subprocess.run(
        ["/bin/sh", "-c", command], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=60
    )
    assert pasted.returncode == 0, pasted.stderr
    assert pasted.stdout.count("COMPLETED_SUCCESS") == 2


def test_running_it_again_starts_anew_but_never_in_a_folder_of_another(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    done = subprocess.run([BIN / "openjd-vs", "demo", "-o", tmp_path / "mine"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "exists already, and is not from a demo" in done.stderr
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"


@pytest.fixture
def running_demo(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A demo whose first job is at its first export, in a process group of its own as a terminal would start it."""
    demo = subprocess.Popen(
        [BIN / "openjd-vs", "demo", "-o", tmp_path / "demo"],
        env=commands_environment() | {"OPENJD_VS_STANDIN_MAX_PIXELS": "400000"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not any('"kind":"run"' in journal.read_text() for journal in tmp_path.glob("demo/jobs/*/journal.jsonl")):
            assert demo.poll() is None, demo.communicate()
            assert time.monotonic() < deadline
            threading.Event().wait(0.05)
        yield demo
    finally:
        for process in [demo, *processes_about(tmp_path)]:
            process.kill()
        demo.communicate()


def test_ctrl_c_cancels_the_jobs_of_the_demo_and_leaves_nothing_running(
    tmp_path: Path, running_demo: subprocess.Popen[str]
) -> None:
    os.killpg(running_demo.pid, signal.SIGINT)
    output, errors = running_demo.communicate(timeout=60)
    assert running_demo.returncode == 130, errors
    assert "canceling" in errors
    assert "techpack_v0: CANCELED" in output
    assert nothing_is_left(tmp_path)


def test_a_second_ctrl_c_kills_the_jobs_of_the_demo(tmp_path: Path, running_demo: subprocess.Popen[str]) -> None:
    os.killpg(running_demo.pid, signal.SIGINT)
    assert running_demo.stderr is not None
    assert any("canceling" in line for line in running_demo.stderr)
    os.killpg(running_demo.pid, signal.SIGINT)
    running_demo.communicate(timeout=60)
    assert running_demo.returncode == 130
    assert nothing_is_left(tmp_path)
