"""Packs the sample tee (pattern, meshes, trims, preview) as `tee.bw`. The same inputs give the same file."""

from __future__ import annotations

import json
from pathlib import Path

from openjd_vstitcher.standin.bw_format import write_bw
from openjd_vstitcher.standin.loading import from_pattern
from openjd_vstitcher.standin.parts import garment_center, garment_parts
from openjd_vstitcher.standin.pictures import encode_png
from openjd_vstitcher.standin.rendering import Camera, Light, Quality, draw

_HERE = Path(__file__).resolve().parent
_PREVIEW_PX = (256, 320)


def main(target: Path = _HERE / "tee.bw") -> None:
    """Write the sample garment."""
    garment = from_pattern(
        json.loads((_HERE / "tee.pattern.json").read_text(encoding="utf-8")),
        json.loads((_HERE / "tee.trims.json").read_text(encoding="utf-8")),
        (_HERE / "tee.glb").read_bytes(),
        (_HERE / "mannequin.glb").read_bytes(),
    )
    x, y, z = garment_center(garment)
    camera = Camera((x, y - 400.0, z), (x, y, z))
    picture = draw(garment_parts(garment), camera, _PREVIEW_PX, Quality(samples=32, depth=4), Light())
    garment.preview = encode_png(picture)
    write_bw(garment, target)


if __name__ == "__main__":
    main()
