"""Mutated garment files give an error or a garment, but never a crash, a hang or high memory use."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openjd_vstitcher.errors import InvalidInput
from openjd_vstitcher.garment import describe, open_garment, parse_rulers
from openjd_vstitcher.standin.bw_format import encode_vsgx, write_bw
from openjd_vstitcher.standin.codes import ApiError
from openjd_vstitcher.standin.loading import open_file
from openjd_vstitcher.standin.model import Colorway, Garment, Line, Ruler, RulerElement, Shape, Size

SECONDS_FOR_ONE = 5.0
SMALL = Garment(
    "Fuzzed",
    [Shape(1, "Front", 1, edges=[Line(1, "hem", "line", [(0.0, 0.0), (1.0, 0.0)])])],
    [Colorway(1, "One", {1: {"name": "Jersey", "color": "#112233"}})],
    sizes=[Size(1, "M")],
    rulers=[Ruler(1, "Hem", [RulerElement(1, 1)]), Ruler(2, "Line", [RulerElement(1, -1, 7)])],
    preview=b"\x89PNG\r\n\x1a\n" + bytes(64),
)


def _written() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.bw"
        write_bw(SMALL, path)
        return path.read_bytes()


WHOLE = _written()
VSGX = encode_vsgx(SMALL)

edits = st.lists(
    st.tuples(
        st.sampled_from(["flip", "set", "cut", "insert", "repeat", "zero"]),
        st.integers(0, len(WHOLE) - 1),
        st.integers(0, 255),
        st.integers(1, 600),
    ),
    min_size=1,
    max_size=12,
)


def mutated(content: bytes, changes: list[tuple[str, int, int, int]]) -> bytes:
    data = bytearray(content)
    for kind, where, value, size in changes:
        at = where % max(len(data), 1)
        if kind == "flip" and data:
            data[at] ^= value or 1
        elif kind == "set" and data:
            data[at] = value
        elif kind == "cut":
            del data[at : at + size]
        elif kind == "insert":
            data[at:at] = bytes([value]) * size
        elif kind == "repeat":
            data[at:at] = data[at : at + size]
        else:
            data[at : at + size] = bytes(len(data[at : at + size]))
    return bytes(data)


def read(path: Path) -> None:
    """Do everything that callers do with a file; only the documented errors may be raised."""
    begin = time.monotonic()
    try:
        garment = open_garment(path)
        describe(garment, garment.preview())
        for file in garment.files[:5]:
            garment.read(file.name, file.ext)
    except InvalidInput:
        pass
    try:
        open_file(path, path.parent)
    except ApiError:
        pass
    assert time.monotonic() - begin < SECONDS_FOR_ONE


def check_file(folder: Path, changes: list[tuple[str, int, int, int]]) -> None:
    path = folder / "fuzzed.bw"
    path.write_bytes(mutated(WHOLE, changes))
    read(path)


def check_section(folder: Path, changes: list[tuple[str, int, int, int]]) -> None:
    """Corrupt the content before compression, in an intact database."""
    path = folder / "fuzzed.bw"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("CREATE TABLE file_tree (id INTEGER PRIMARY KEY, name TEXT, ext TEXT, content BLOB)")
    content = zstandard.ZstdCompressor().compress(mutated(VSGX, changes))
    connection.execute("INSERT INTO file_tree VALUES (1, 'garment', '.vsgx', ?)", (content,))
    connection.commit()
    connection.close()
    read(path)


def check_rulers(changes: list[tuple[str, int, int, int]]) -> None:
    for ruler in parse_rulers(mutated(VSGX, changes)):
        assert ruler.components
        assert len(ruler.name.encode("utf-8", "replace")) <= 3 * 255


quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
thorough = settings(max_examples=4000, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    shared = Path("/dev/shm")  # faster where there is one, and a folder of our own inside
    if shared.is_dir() and os.access(shared, os.W_OK):
        with tempfile.TemporaryDirectory(dir=shared) as name:
            yield Path(name)
    else:
        yield tmp_path_factory.mktemp("fuzz")


def test_unharmed_file_is_read(folder):
    check_file(folder, [])
    (folder / "whole.bw").write_bytes(WHOLE)
    assert [r.name for r in open_garment(folder / "whole.bw").rulers] == ["Hem", "Line"]


@quick
@given(changes=edits)
def test_mutated_file(folder, changes):
    check_file(folder, changes)


@quick
@given(changes=edits)
def test_mutated_garment_section(folder, changes):
    check_section(folder, changes)


@quick
@given(changes=edits)
def test_mutated_rulers(changes):
    check_rulers(changes)


@pytest.mark.slow
@pytest.mark.timeout(900)
@thorough
@given(changes=edits)
def test_thousands_of_mutated_files(folder, changes):
    check_file(folder, changes)


@pytest.mark.slow
@pytest.mark.timeout(900)
@thorough
@given(changes=edits)
def test_thousands_of_mutated_garment_sections(folder, changes):
    check_section(folder, changes)


@pytest.mark.slow
@pytest.mark.timeout(900)
@thorough
@given(changes=edits)
def test_thousands_of_mutated_rulers(changes):
    check_rulers(changes)
