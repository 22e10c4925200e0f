"""The code of the plugin, importable without an engine."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PLUGIN = Path(__file__).parents[2] / "openjd_vstitcher" / "engine" / "plugin"


@pytest.fixture(scope="module")
def plugin() -> Iterator[Any]:
    """The plugin's package, imported with a minimal BwApi."""
    before = dict(sys.modules)
    fake = types.ModuleType("BwApi")
    fake.CallbackBase = object  # type: ignore[attr-defined]
    sys.modules["BwApi"] = fake
    sys.path.insert(0, str(PLUGIN))
    try:
        for module in ("api", "artwork", "catalogue", "drape", "files", "garment", "materials", "pictures", "seams"):
            importlib.import_module(f"src.{module}")
        yield sys.modules["src"]
    finally:
        sys.path.remove(str(PLUGIN))
        for name in set(sys.modules) - set(before):
            if name == "src" or name.startswith(("src.", "BwApi")):
                del sys.modules[name]
