"""Rendering on a desk, and the same templates under the released OpenJD tool."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import psutil
import pytest
from jsonschema import Draft202012Validator

from openjd_vstitcher.events import ActionStarted, Unknown
from openjd_vstitcher.journal import read_journal
from openjd_vstitcher.resources import resource

from .conftest import BIN, OPENJD, Command

PRESETS = sorted(path.stem for path in resource("examples/presets").glob("*.json"))


def preset(name: str) -> Path:
    return resource(f"examples/presets/{name}.json")


def snapshots(name: str) -> list[str]:
    return ["-p", "Snapshots=3"] if name.startswith("techpack") else []


def sums(folder: Path) -> dict[str, str]:
    """Digest of each file; of a zip, of what its members hold."""
    return {str(p.relative_to(folder)): _digest(p) for p in sorted(folder.rglob("*")) if p.is_file()}


def _digest(path: Path) -> str:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            members = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
        return json.dumps(members, sort_keys=True)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_openjd_run_makes_the_same_files_from_the_same_template(
    name: str, tmp_path: Path, garment: Path, openjd_vs: Command, environment: dict[str, str]
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    given = ["-p", f"GarmentFile={garment}", "-p", "Engine=standin", *snapshots(name)]
    done = openjd_vs("render", preset(name), *given, "-o", ours)
    assert done.returncode == 0, done.stderr
    run = subprocess.run(
        [OPENJD, "run", resource(f"templates/{name}.yaml"), *given, "-p", f"OutputDir={theirs}"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert run.returncode == 0, run.stdout[-3000:]
    assert sums(ours) == sums(theirs)
    assert sums(ours)


def test_a_render_shows_what_it_makes(tmp_path: Path, garment: Path, openjd_vs: Command) -> None:
    done = openjd_vs(
        "render", preset("dxf_v0"), "-p", f"GarmentFile={garment}", "-o", "out", "--engine", "standin", "--log-dir", "l"
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert any(line.startswith("scan.json") and "made" in line for line in lines)
    assert any(line.startswith("dxf_bundle.zip") and "KB" in line for line in lines)
    assert "stand-in" in done.stderr
    schema = Draft202012Validator(json.loads(resource("schemas/event.schema.json").read_text()))
    events = list(read_journal(tmp_path / "l" / "journal.jsonl"))
    for event in events:
        schema.validate(event.as_json())
        assert not isinstance(event.event, Unknown)
    names = {event.name for event in events}
    assert {"engine_ready", "exported", "output_settled", "run_ended"} <= names
    assert "output_unexpected" not in names


def test_a_chosen_output_is_made_alone(tmp_path: Path, garment: Path, openjd_vs: Command) -> None:
    given = ["-p", f"GarmentFile={garment}", "--engine", "standin", "-o", "out"]
    done = openjd_vs("render", preset("dxf_v0"), *given, "--step", "scan.json", "--json")
    assert done.returncode == 0, done.stderr
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["scan.json"]
    names = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert names.count("step_ended") == 1


class Hanging:
    """A render whose engine hangs in its second export, in a process group of its own as a terminal would start it."""

    def __init__(self, folder: Path, garment: Path, environment: dict[str, str]) -> None:
        self._hangs = folder / "hangs"
        misbehaviour = {"what": "hang", "in": "GarmentTechpackExport", "once": str(self._hangs)}
        given = ["-p", f"GarmentFile={garment}", "-o", "out", "--engine", "standin", "--log-dir", "logs"]
        self.process = subprocess.Popen(
            [BIN / "openjd-vs", "render", preset("dxf_v0"), *given],
            env={**environment, "OPENJD_VS_STANDIN_MISBEHAVE": json.dumps(misbehaviour)},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_until_it_hangs(self) -> None:
        deadline = time.monotonic() + 60
        while not self._hangs.exists():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            threading.Event().wait(0.05)

    def end(self) -> str:
        """Wait for the end; what was written to stderr."""
        return self.process.communicate(timeout=60)[1]


@pytest.fixture
def hanging(tmp_path: Path, garment: Path, environment: dict[str, str]) -> Iterator[Hanging]:
    render = Hanging(tmp_path, garment, environment)
    try:
        render.wait_until_it_hangs()
        yield render
    finally:
        render.process.kill()
        render.process.communicate()


def processes_about(folder: Path) -> list[psutil.Process]:
    """The processes that have to do with a folder, by their command line or working directory."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and str(folder) in " ".join(process.cmdline()) + process.cwd():
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def nothing_is_left(folder: Path) -> bool:
    _, alive = psutil.wait_procs(processes_about(folder), timeout=15)
    return not alive


def test_a_killed_engine_is_told_with_export_parameters_and_stage_and_stops_no_other_export(
    tmp_path: Path, hanging: Hanging
) -> None:
    engines = [p for p in processes_about(tmp_path) if "openjd_vstitcher.standin" in " ".join(p.cmdline())]
    assert engines
    for engine in engines:
        engine.send_signal(signal.SIGKILL)
    errors = hanging.end()
    assert hanging.process.returncode == 3
    assert "dxf_bundle.zip failed in stage export" in errors
    assert '"techpack_name": "dxf"' in errors
    assert "SIGKILL" in errors
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["scan.json"]
    assert nothing_is_left(tmp_path)


def test_ctrl_c_cancels_and_leaves_nothing_running(tmp_path: Path, hanging: Hanging) -> None:
    os.killpg(hanging.process.pid, signal.SIGINT)
    errors = hanging.end()
    assert hanging.process.returncode == 130, errors
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["scan.json"]
    assert nothing_is_left(tmp_path)


def test_a_second_ctrl_c_ends_it_at_once(tmp_path: Path, hanging: Hanging) -> None:
    os.killpg(hanging.process.pid, signal.SIGINT)
    assert hanging.process.stderr is not None
    assert any("canceling" in line for line in hanging.process.stderr)
    os.killpg(hanging.process.pid, signal.SIGINT)
    hanging.end()
    assert hanging.process.returncode == 130
    events = [entry.event for entry in read_journal(tmp_path / "logs" / "journal.jsonl")]
    started = [(e.kind, e.environment) for e in events if isinstance(e, ActionStarted)]
    assert ("enter", "VStitcher") in started
    assert ("exit", "VStitcher") not in started
    assert nothing_is_left(tmp_path)


def test_kill_9_of_the_render_leaves_no_engine(tmp_path: Path, hanging: Hanging) -> None:
    hanging.process.kill()
    hanging.end()
    assert nothing_is_left(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("text.bw", b"this is no garment", "SQLite"),
        ("empty.bw", b"", "empty"),
        ("cut.bw", b"SQLite format 3\x00" + b"\x10" * 200, ""),
    ],
)
def test_a_garment_that_is_none_is_refused_before_anything_starts(
    tmp_path: Path, openjd_vs: Command, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    done = openjd_vs("render", preset("dxf_v0"), "-p", f"GarmentFile={name}", "-o", "out")
    assert done.returncode == 2
    assert name in done.stderr
    assert message.lower() in done.stderr.lower()
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_pictures_of_a_turntable_go_round(tmp_path: Path, garment: Path, openjd_vs: Command) -> None:
    import numpy
    from PIL import Image

    given = ["-p", f"GarmentFile={garment}", "-p", "Snapshots=4", "-o", "out", "--engine", "standin"]
    done = openjd_vs("render", preset("techpack_v0"), *given, "--step", "turntable.zip")
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / "out" / "turntable.zip") as archive:
        pictures = [Image.open(BytesIO(archive.read(name))).convert("RGBA") for name in sorted(archive.namelist())]
    assert len(pictures) == 4
    assert len({picture.tobytes() for picture in pictures}) == 4
    widths = [int((numpy.asarray(picture)[..., 3] > 128).any(axis=0).sum()) for picture in pictures]
    assert widths[0] > widths[1]
    assert widths[2] > widths[3]
    assert all("stand-in" in str(picture.info) for picture in pictures)
