"""`openjd-vs garment inspect`, as a person calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from openjd_vstitcher.resources import resource

TEE = resource("examples/garments/tee.bw")


def inspect(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("openjd-vs")), "garment", "inspect", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)


def test_tables_show_files_rulers_and_names():
    done = inspect(TEE)
    assert done.returncode == 0, done.stderr
    for text in ("Crew Tee", "Harbour", "final", "Sleeve Right", "Hem Label", ".vsgx", "Neck seam", "shape 1 line 10"):
        assert text in done.stdout


def test_json_and_preview(tmp_path):
    preview = tmp_path / "preview.png"
    done = inspect(TEE, "--json", "--preview", preview)
    assert done.returncode == 0, done.stderr
    described = json.loads(done.stdout)
    assert described["colorways"] == ["Harbour", "Chalk", "Ringer Brick", "Pine"]
    assert described["snapshots"] == ["final"]
    assert len(described["rulers"]) == 12
    assert {f["ext"] for f in described["files"]} == {".vsgx", ".glb", ".png"}
    assert preview.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["text.bw", "none.bw"])
def test_bad_input_ends_with_code_2_and_a_sentence(tmp_path, name):
    (tmp_path / "text.bw").write_text("no garment at all")
    done = inspect(tmp_path / name)
    assert done.returncode == 2
    assert name in done.stderr
    assert "Traceback" not in done.stderr
