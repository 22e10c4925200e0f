"""The output directory, held open."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openjd_vstitcher.outputs.files import OutputDirectory


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc")
def test_a_closed_output_directory_takes_no_descriptor(tmp_path: Path) -> None:
    def descriptors() -> set[str]:
        found = (os.readlink(entry) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink())
        return {target for target in found if target.startswith(str(tmp_path))}

    directory = OutputDirectory(tmp_path / "out")
    assert descriptors() == {str(tmp_path / "out")}
    directory.close()
    directory.close()
    assert descriptors() == set()
