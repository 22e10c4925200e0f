"""Runs the stand-in's `BwApi` in the test process, on the sample garment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openjd_vstitcher.resources import resource
from openjd_vstitcher.standin.bwapi import make_module
from openjd_vstitcher.standin.host import Host

TEE = resource("examples/garments/tee.bw")


@dataclass(frozen=True)
class Program:
    """A stand-in with one garment open; `api` is its `BwApi`, `g` the garment's id."""

    host: Host
    api: Any
    g: str

    def info(self, key: str) -> Any:
        return json.loads(self.api.GarmentInfoGetEx(self.g, key))

    def shape(self, shape: int) -> dict[str, Any]:
        properties: dict[str, Any] = json.loads(self.api.ShapePropertiesGet(self.g, shape))
        return properties

    def camera(self, **changes: Any) -> dict[str, Any]:
        front = json.loads(self.api.EnvironmentCameraViewGet(self.g, "GarmentFront"))
        return {**front, **changes}

    def render(self, path: Path, size: tuple[int, int] = (160, 200), **changes: Any) -> int:
        """Render a normal picture and return the error code."""
        request = {
            "render": changes.pop("render", {"normal": {"outline": False, "background": "transparent"}}),
            "captures": [{"camera": self.camera(**changes.pop("camera", {})), "path": str(path)}],
            "include_avatar": False,
            "width": size[0],
            "height": size[1],
            **changes,
        }
        self.api.RenderImageEx(self.g, json.dumps(request))
        code: int = self.api.GetLastError()
        return code


def open_program(path: Path = TEE, *, dressed: bool = True) -> Program:
    """Start a new stand-in and open a garment."""
    host = Host(gui=False)
    api = make_module(host)
    g = api.GarmentOpen(str(path))
    assert g, api.GetLastError()
    if dressed:
        api.GarmentDress(g)
    return Program(host, api, g)
