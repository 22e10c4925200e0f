"""Ray traces in a separate process: starts it, and is its program (`python -m openjd_vstitcher.standin.raytrace`)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .codes import ApiError
from .misbehave import Misbehaviour

if TYPE_CHECKING:
    from .parts import Part
    from .render_request import RenderRequest

MISBEHAVING_NAME = "raytrace"
"""The value of `in` for misbehaviour in the process of a ray trace."""


class RayTrace:
    """A ray trace that was started with `RenderImageEx`."""

    def __init__(self, scene: Path) -> None:
        self._log = scene.with_suffix(".log")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command(scene), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def wait(self, timeout_s: float) -> int:
        """Wait for the end and return the exit code; subprocess.TimeoutExpired after `timeout_s`."""
        return self._process.wait(timeout_s)

    def status(self) -> dict[str, Any]:
        """What `RenderJobStatusGet` returns besides the id; the progress is -1 until the first report."""
        text = self._log.read_text(encoding="utf-8", errors="replace")
        done = re.findall(r"^progress: ([\d.]+)$", text, re.MULTILINE)
        code = self._process.poll()
        state = "running" if code is None else "done" if code == 0 else "aborted" if code < 0 else "failed"
        info = text.strip().splitlines()[-1] if state == "failed" and text.strip() else ""
        progress = float(done[-1]) / 100 if done else -1
        return {"status": state, "info": info, "additional_info": "", "progress": progress}


def command(scene: Path) -> list[str]:
    """The command that renders a scene file."""
    return [sys.executable, "-m", "openjd_vstitcher.standin.raytrace", str(scene)]


def write_scene(request: RenderRequest, parts: Sequence[Part], path: Path) -> None:
    """Write a scene file for a ray trace: request and materials as JSON, with the meshes in an `.npz` beside it."""
    import numpy as np

    arrays: dict[str, Any] = {}
    descriptions = []
    for number, part in enumerate(parts):
        mesh = part.mesh
        stored = {"v": mesh.vertices, "n": mesh.normals, "f": mesh.faces, "t": mesh.uv, "p": part.picture}
        for key, value in stored.items():
            if value is not None:
                arrays[f"{key}{number}"] = value
        descriptions.append({"name": part.name, "kind": part.kind, "material": part.material})
    np.savez(path.with_suffix(".npz"), **arrays)
    path.write_text(json.dumps({"request": request.to_json(), "parts": descriptions}), encoding="utf-8")


def read_scene(path: Path) -> tuple[RenderRequest, list[Part]]:
    """Read a scene file, the inverse of `write_scene`."""
    import numpy as np

    from .meshes import Mesh
    from .parts import Part
    from .render_request import RenderRequest

    scene = json.loads(path.read_text(encoding="utf-8"))
    parts = []
    with np.load(path.with_suffix(".npz")) as arrays:
        for number, part in enumerate(scene["parts"]):
            uv = arrays.get(f"t{number}")
            mesh = Mesh(part["name"], arrays[f"v{number}"], arrays[f"n{number}"], arrays[f"f{number}"], uv)
            parts.append(Part(part["name"], part["kind"], mesh, part["material"], arrays.get(f"p{number}")))
    return RenderRequest.from_json(scene["request"]), parts


def main(arguments: Sequence[str] | None = None) -> int:
    """Render a scene file. Progress goes to standard output, errors to standard error."""
    from .pictures import take_pictures

    path = Path((arguments if arguments is not None else sys.argv[1:])[0])

    def progress(done: float) -> None:
        sys.stdout.write(f"progress: {done * 100:.1f}\n")
        sys.stdout.flush()

    try:
        request, parts = read_scene(path)
        progress(0.0)
        misbehaviour = Misbehaviour.from_environment()
        misbehaviour.at_call(MISBEHAVING_NAME)
        take_pictures(request, parts, misbehaviour.write, progress)
    except (ApiError, OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    path.with_suffix(".npz").unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
