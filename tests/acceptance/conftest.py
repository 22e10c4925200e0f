"""The sample garment, the commands, and small pictures that are made quickly."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from openjd_vstitcher.resources import resource

BIN = Path(sysconfig.get_path("scripts"))
OPENJD = Path(__file__).parents[2] / ".venv-openjd" / "bin" / "openjd"

SMALL_PICTURES = 4_000
"""Pixels: enough to see that it is the right picture, and made in a moment."""

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def garment() -> Path:
    return resource("examples/garments/tee.bw")


def commands_environment() -> dict[str, str]:
    """What the commands inherit: ours on the path, and the stand-in told to make small pictures."""
    return {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "OPENJD_VS_STANDIN_MAX_PIXELS": str(SMALL_PICTURES),
    }


@pytest.fixture
def environment() -> dict[str, str]:
    return commands_environment()


@pytest.fixture
def openjd_vs(environment: dict[str, str], tmp_path: Path) -> Command:
    def call(*args: str | Path, timeout_s: float = 100.0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BIN / "openjd-vs", *args],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
        )

    return call
