"""Runs the demo on Linux and on the Windows Python under Wine, and compares what the two made.

    .venv/bin/python tools/windows/demo.py           # into demo-windows/linux and demo-windows/windows

JSON must be equal byte for byte, archives member by member, numbers in DXF and glb within 1e-5, and pictures within
MEAN_LIMIT and FAR_SHARE. Exits with 1 if anything differs by more.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy
from PIL import Image

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FOLDER = ROOT / "demo-windows"
NUMBERS = 1e-5
"""The most by which two numbers may differ, in the unit of the file."""
MEAN_LIMIT = 0.5
"""The most by which two pictures may differ on average, of 255."""
FAR, FAR_SHARE = 16, 0.002
"""The share of channel values that may differ by more than FAR, of 255: the edges of shapes."""

_GLB_JSON, _GLB_BINARY = 0x4E4F534A, 0x004E4942
_COMPONENTS = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name, command in {
        "linux": [str(Path(sys.executable).with_name("openjd-vs"))],
        "windows": ["nice", "-n", "10", str(HERE / "run.sh"), "openjd-vs"],
    }.items():
        print(f"--- {name}", flush=True)
        subprocess.run([*command, "demo", "-o", f"demo-windows/{name}"], cwd=ROOT, check=True)
    ours, theirs = (outputs(FOLDER / name / "storage") for name in ("linux", "windows"))
    print("--- compared")
    wrong = [f"only in one of the two: {name}" for name in sorted(ours.keys() ^ theirs.keys())]
    for name in sorted(ours.keys() & theirs.keys()):
        differences = list(compare(name, ours[name].read_bytes(), theirs[name].read_bytes()))
        print(f"{name:32} {'; '.join(differences) or 'equal'}")
        wrong += [f"{name}: {difference}" for difference in differences if not difference.startswith("within")]
    print(f"{len(ours)} outputs, {len(wrong)} differences beyond the limits")
    sys.exit(1 if wrong or not ours else 0)


def outputs(storage: Path) -> dict[str, Path]:
    """The stored outputs by preset and name; the inputs are left out, and the ids of jobs."""
    files = (
        file for file in storage.rglob("*") if file.is_file() and file.suffix != ".bw" and ".locks" not in file.parts
    )
    return {file.name: file for file in files}


def compare(name: str, ours: bytes, theirs: bytes) -> Iterator[str]:
    """How two files differ: "within …" where the limits allow it."""
    if ours == theirs:
        return
    kinds = {".zip": archives, ".glb": scenes, ".dxf": drawings, ".png": pictures}
    how = kinds.get(Path(name).suffix.lower())
    if how is None:
        yield "other bytes"
    else:
        yield from how(ours, theirs)


def archives(ours: bytes, theirs: bytes) -> Iterator[str]:
    with zipfile.ZipFile(BytesIO(ours)) as one, zipfile.ZipFile(BytesIO(theirs)) as other:
        if one.namelist() != other.namelist():
            yield f"members {one.namelist()} and {other.namelist()}"
            return
        for name in one.namelist():
            attributes = [
                (info.date_time, info.external_attr, info.create_system)
                for info in (archive.getinfo(name) for archive in (one, other))
            ]
            if attributes[0] != attributes[1]:
                yield f"{name}: attributes {attributes[0]} and {attributes[1]}"
            for difference in compare(name, _without_digests(one, name), _without_digests(other, name)):
                yield f"within {name}: {difference}" if difference.startswith("within") else f"{name}: {difference}"


def _without_digests(archive: zipfile.ZipFile, name: str) -> bytes:
    """A member; in one that lists the others, their checksums and sizes are left out if they are right."""
    content = archive.read(name)
    for other in archive.namelist() if name.endswith("bundle.json") else ():
        data = archive.read(other)
        listed = rf'"sha256": "{hashlib.sha256(data).hexdigest()}",\s+"size_bytes": {len(data)}'
        content = re.sub(listed.encode(), b"", content)
    return content


def drawings(ours: bytes, theirs: bytes) -> Iterator[str]:
    one, other = ours.decode().splitlines(), theirs.decode().splitlines()
    if ours.count(b"\r") != theirs.count(b"\r"):
        yield "other line ends"
    if len(one) != len(other):
        yield f"{len(one)} and {len(other)} lines"
        return
    yield from numbers([_number(a, b) for a, b in zip(one, other, strict=True) if a != b])


def _number(ours: str, theirs: str) -> float:
    try:
        return abs(float(ours) - float(theirs))
    except ValueError:
        return float("inf")


def numbers(distances: list[float]) -> Iterator[str]:
    most = max(distances, default=0.0)
    yield f"within {most:.1e}" if most <= NUMBERS else f"numbers or texts differ by {most:.3g}"


def scenes(ours: bytes, theirs: bytes) -> Iterator[str]:
    (one, one_data), (other, other_data) = _glb(ours), _glb(theirs)
    texts = [json.dumps({**scene, "accessors": 0, "bufferViews": 0, "buffers": 0}) for scene in (one, other)]
    if texts[0] != texts[1] or len(one["accessors"]) != len(other["accessors"]):
        yield "other structure"
        return
    distances = []
    for a, b in zip(one["accessors"], other["accessors"], strict=True):
        first, second = _values(one, a, one_data), _values(other, b, other_data)
        if first.shape != second.shape or a["type"] != b["type"]:
            yield "other number of vertices"
            return
        distances.append(float(numpy.abs(first - second).max(initial=0)))
    yield from numbers(distances)
    for a, b in zip(one.get("images", []), other.get("images", []), strict=True):
        first, second = (
            _view(scene, image["bufferView"], data)
            for scene, image, data in ((one, a, one_data), (other, b, other_data))
        )
        yield from () if first == second else pictures(first, second)


def _glb(content: bytes) -> tuple[dict[str, Any], bytes]:
    chunks, position = {}, 12
    while position < len(content):
        length, kind = struct.unpack_from("<II", content, position)
        chunks[kind] = content[position + 8 : position + 8 + length]
        position += 8 + length
    return json.loads(chunks[_GLB_JSON]), chunks.get(_GLB_BINARY, b"")


def _view(scene: dict[str, Any], index: int, data: bytes) -> bytes:
    view = scene["bufferViews"][index]
    start = view.get("byteOffset", 0)
    return data[start : start + view["byteLength"]]


def _values(scene: dict[str, Any], accessor: dict[str, Any], data: bytes) -> Any:
    view = _view(scene, accessor["bufferView"], data)[accessor.get("byteOffset", 0) :]
    return numpy.frombuffer(view, _COMPONENTS[accessor["componentType"]]).astype(float)


def pictures(ours: bytes, theirs: bytes) -> Iterator[str]:
    one, other = (numpy.asarray(Image.open(BytesIO(content)), dtype=float) for content in (ours, theirs))
    if one.shape != other.shape:
        yield f"pictures of {one.shape} and {other.shape}"
        return
    difference = numpy.abs(one - other)
    mean, far = float(difference.mean()), float((difference > FAR).mean())
    inside = mean <= MEAN_LIMIT and far <= FAR_SHARE
    yield f"{'within' if inside else 'pictures differ by'} {mean:.4f} of 255 on average, {far:.4%} by over {FAR}"


if __name__ == "__main__":
    main()
