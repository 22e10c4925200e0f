"""The `curl` lines of docs/api.md, as a user types them, against a server process and a daemon."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.api_server import api_server, embedded_config

from .conftest import commands_environment

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def lines() -> list[str]:
    blocks = re.findall(r"^```console\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="needs curl and jq")
def test_the_lines_of_the_page_run_one_after_the_other(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    config = embedded_config(tmp_path)
    with api_server(config) as server:
        script = "\n".join(["set -euo pipefail", *lines()]).replace("localhost:8642", server.url)
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env={**commands_environment(), "OPENJD_VS_CONFIG": str(config)},
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert (tmp_path / "part.bin").stat().st_size == 10
    assert "COMPLETED_SUCCESS" in done.stdout


def test_the_page_shows_every_part_of_the_api() -> None:
    text = "\n".join(lines())
    for part in ("/v1/tasks", "/events/stream", "/assets", "/logs", "/v1/presets", "/api/runner/", "keys create"):
        assert part in text
