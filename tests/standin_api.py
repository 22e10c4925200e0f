"""Runs the stand-in's `BwApi` in the test process, on the sample garment."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openjd_vstitcher.resources import resource
from openjd_vstitcher.standin.bwapi import make_module
from openjd_vstitcher.standin.host import DRAPE_S, Host
from openjd_vstitcher.standin.model import Garment, Shape
from openjd_vstitcher.standin.switches import Switches

TEE = resource("examples/garments/tee.bw")


@dataclass(frozen=True)
class Program:
    """A stand-in with one garment open; `api` is its `BwApi`, `g` the garment's id."""

    host: Host
    api: Any
    g: str

    @property
    def garment(self) -> Garment:
        """The open garment itself, for what no documented call tells."""
        return self.host.garments[self.g]

    def shape(self, shape: int) -> Shape:
        return self.garment.shape(shape)

    def properties(self, shape: int) -> dict[str, Any]:
        return dict(json.loads(self.api.ShapePropertiesGet(self.g, shape)))

    def material(self, colorway: int, material: int) -> dict[str, Any]:
        """What is below `material` in the U3M document."""
        return dict(json.loads(self.api.MaterialGet(self.g, colorway, material))["material"])

    def update(self, colorway: int, material: int, **front: Any) -> int:
        """Change keys of a material's front, and return the error code."""
        document = json.loads(self.api.MaterialGet(self.g, colorway, material))
        document["material"]["front"] |= front
        self.api.MaterialUpdate(self.g, colorway, material, json.dumps(document))
        return int(self.api.GetLastError())

    def set_texture(self, colorway: int, material: int, path: Path, width_mm: float = 200) -> int:
        """Show a picture on a material, and return the error code."""
        base = self.material(colorway, material)["front"]["basecolor"]
        image = {"path": str(path), "width": width_mm, "height": None}
        return self.update(colorway, material, basecolor={**base, "texture": {"image": image}})

    def delete_trims(self) -> None:
        """Delete every button, and every other trim of the current colorway."""
        for shape, trim in list(self.garment.trims()):
            delete = self.api.ButtonDelete if trim.kind == "button" else self.api.MaterialContainerDelete
            delete(self.g, shape.id)

    def dress(self) -> None:
        """Simulate the garment, and wait for the end."""
        before = self.garment.drapes
        self.api.GarmentDress(self.g)
        deadline = time.monotonic() + 60 * DRAPE_S
        while self.garment.drapes == before:
            assert time.monotonic() < deadline
            self.api.GarmentId()

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


def open_program(path: Path = TEE, *, dressed: bool = True, switches: Switches | None = None) -> Program:
    """Start a new stand-in, open a garment, and load its snapshot."""
    host = Host(gui=False, switches=switches if switches is not None else Switches())
    api = make_module(host)
    api.GarmentOpen(str(path))
    g = api.GarmentId()
    assert g, api.GetLastError()
    program = Program(host, api, g)
    snapshots = api.GarmentSnapshotIds(g)
    if dressed and snapshots:
        api.SnapshotLoad(g, snapshots[0])
    elif dressed:
        program.dress()
    return program
