"""An operator and a pipeline TD at work, step by step, as they would type it. The newcomer's walk is the README's."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from openjd_vstitcher.resources import resource

from .conftest import OPENJD, Command

CONFIG = """
[platform]
path = "platform.sqlite"
[storage.local]
root = "storage"
[inputs]
read_from = ["./garments"]
[worker]
work_dir = "jobs"
"""


@pytest.fixture
def desk(tmp_path: Path, garment: Path) -> Path:
    (tmp_path / "garments").mkdir()
    shutil.copyfile(garment, tmp_path / "garments" / "tee.bw")
    shutil.copytree(resource("examples/presets"), tmp_path / "presets")
    return tmp_path


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_operator_runs_a_queue_and_mends_a_failed_job(desk: Path, openjd_vs: Command) -> None:
    (desk / "openjd-vs.toml").write_text(CONFIG.replace("[worker]", "[worker]\nslots = 0"))
    assert "worker.slots: expected an integer from 1 to 64, found 0" in openjd_vs("config", "validate").stderr
    (desk / "openjd-vs.toml").write_text(CONFIG)
    assert openjd_vs("config", "validate").returncode == 0

    done = openjd_vs("submit", "presets/dxf_v0.json", "--garment", "garments/tee.bw")
    assert "number 1 of 1 waiting DXA_EXPORT_ASSET_BUNDLE jobs; no worker has run" in done.stderr
    job = done.stdout.strip()[:8]
    (desk / "elsewhere.bw").write_bytes(b"1")
    refused = openjd_vs("submit", "presets/dxf_v0.json", "--garment", "elsewhere.bw")
    assert "is not among the addresses that inputs.read_from allows" in refused.stderr

    (desk / "garments" / "tee.bw").write_bytes(b"a broken garment")
    assert openjd_vs("daemon", "--once").returncode == 0
    assert "COMPLETED_ERRORS" in openjd_vs("jobs", "list").stdout
    assert "tee.bw" in openjd_vs("jobs", "show", job).stdout

    shutil.copyfile(resource("examples/garments/tee.bw"), desk / "garments" / "tee.bw")
    assert openjd_vs("jobs", "retry", job).stdout.rstrip().endswith("NEW")
    openjd_vs("jobs", "hold", job)
    assert "ON_HOLD" in openjd_vs("jobs", "list", "-o", "job,status").stdout
    openjd_vs("jobs", "release", job)
    assert openjd_vs("daemon", "--once").returncode == 0
    shown = openjd_vs("jobs", "show", job).stdout
    assert "COMPLETED_SUCCESS" in shown
    assert shown.count("UPLOADED") == 2
    assert "COMPLETED_SUCCESS" in openjd_vs("jobs", "watch", job).stdout.splitlines()[-1]
    assert openjd_vs("outputs", "clean", "--dry-run").returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_td_writes_a_preset_and_gets_it_onto_a_farm(desk: Path, openjd_vs: Command) -> None:
    preset = json.loads((desk / "presets" / "dxf_v0.json").read_text())
    exports = preset["details"]["instructions"]
    scan = next(export for export in exports if export.get("export_type") == "SCAN")
    scan["output_file_name"] = "scan.png"
    (desk / "mine.json").write_text(json.dumps(preset))
    wrong = openjd_vs("check", "mine.json")
    assert wrong.returncode == 2
    assert "output_file_name" in wrong.stderr
    scan["output_file_name"] = "sizes.json"
    (desk / "mine.json").write_text(json.dumps(preset))
    assert "a valid preset with 2 exports" in openjd_vs("check", "mine.json").stdout

    one = openjd_vs("render", "mine.json", "-p", "GarmentFile=garments/tee.bw", "--step", "sizes.json", "-o", "out")
    assert one.returncode == 0, one.stderr
    assert [path.name for path in (desk / "out").iterdir()] == ["sizes.json"]
    assert json.loads((desk / "out" / "sizes.json").read_text())

    assert openjd_vs("translate", "mine.json", "-o", "mine.yaml").returncode == 0
    assert "a valid job template with 2 steps" in openjd_vs("check", "mine.yaml").stdout
    checked = subprocess.run([OPENJD, "check", desk / "mine.yaml"], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout
