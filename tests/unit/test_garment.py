"""Garment files are untrusted: valid ones are read, others are refused with the reason."""

from __future__ import annotations

import os
import sqlite3
import struct
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest
import zstandard

from openjd_vstitcher import garment as reader
from openjd_vstitcher.errors import InvalidInput
from openjd_vstitcher.garment import Ruler, RulerComponent, check_garment, open_garment, parse_rulers
from openjd_vstitcher.resources import resource
from openjd_vstitcher.standin.bw_format import encode_rulers
from openjd_vstitcher.standin.model import Ruler as WrittenRuler
from openjd_vstitcher.standin.model import RulerElement

TEE = resource("examples/garments/tee.bw")
TABLE = "CREATE TABLE file_tree (id INTEGER PRIMARY KEY, name TEXT, ext TEXT, content BLOB)"


def zstd(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


def database(path: Path, *statements: str, rows: tuple[tuple[object, ...], ...] = ()) -> Path:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.executemany("INSERT INTO file_tree (name, ext, content) VALUES (?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return path


def packed(path: Path, *rows: tuple[object, ...]) -> Path:
    return database(path, TABLE, rows=rows)


def refusal(path: Path) -> str:
    with pytest.raises(InvalidInput) as caught:
        open_garment(path)
    assert str(path) in str(caught.value)
    return caught.value.problems[0].message


def test_sample_garment_is_read_completely():
    tee = open_garment(TEE)
    assert [(f.name, f.ext) for f in tee.files] == [
        ("garment", ".vsgx"),
        ("garment", ".glb"),
        ("avatar", ".glb"),
        ("preview", ".png"),
    ]
    assert tee.names("colorways") == ["Harbour", "Chalk", "Ringer Brick", "Pine"]
    assert tee.names("snapshots") == ["final"]
    assert tee.read("garment", ".glb") == TEE.with_name("tee.glb").read_bytes()
    assert tee.read("nothing", ".glb") is None
    kind, content = tee.preview()
    assert (kind, content[:4]) == (".png", b"\x89PNG")
    assert len(tee.rulers) == 12
    assert tee.rulers[7] == Ruler("Neck seam", tuple(RulerComponent(s, e) for s, e in ((1, 5), (1, 6), (2, 6), (2, 5))))
    assert tee.rulers[0].components == (RulerComponent(1, -1, 10),)


def test_reading_writes_nothing(tmp_path):
    copy = tmp_path / "tee.bw"
    copy.write_bytes(TEE.read_bytes())
    before = copy.stat()
    open_garment(copy)
    assert [p.name for p in tmp_path.iterdir()] == ["tee.bw"]
    assert copy.stat().st_mtime_ns == before.st_mtime_ns


def test_rulers_survive_encoding_and_parsing():
    written = [
        WrittenRuler(1, "Brustweite ¾ – 胸囲", [RulerElement(1, 4), RulerElement(4_000_000_000, -1, 17)]),
        WrittenRuler(2, "x" * 300, [RulerElement(2, 2_000_000_000)]),
    ]
    first, second = parse_rulers(b"\x00junk Ruler of thumb" + encode_rulers(written) + b"Ruler")
    assert first.name == "Brustweite ¾ – 胸囲"
    assert first.components == (RulerComponent(1, 4), RulerComponent(4_000_000_000, -1, 17))
    assert second.name == "x" * 255


def test_rulers_with_other_padding_bytes_are_found():
    data = b"\x07\x01Ruler\x0e\x99" + b"shapeIds" + b"\x81" * 10 + struct.pack("<I", 9) + b"\x03\x04"
    data += b"edgeId" + b"\x81\x82" + struct.pack("<i", -1) + b"\x05" + b"internalLineId" + b"\x81\x82"
    data += struct.pack("<i", 42) + b"\x00rulerName\x81\x82\x05Waist\x00\x00"
    assert parse_rulers(data) == (Ruler("Waist", (RulerComponent(9, -1, 42),)),)


@pytest.mark.parametrize("cut", [4, 12, 20, 30, 40, 47])
def test_truncated_ruler_is_skipped(cut):
    whole = encode_rulers([WrittenRuler(1, "Waist", [RulerElement(1, 4)])])
    assert parse_rulers(whole[:cut]) == ()
    assert len(parse_rulers(whole)) == 1


def test_missing_file(tmp_path):
    assert refusal(tmp_path / "none.bw").startswith("cannot be read: ")


def test_directory(tmp_path):
    assert refusal(tmp_path) == "is a directory; expected a garment file"


def test_path_with_a_null_character(tmp_path):
    assert refusal(tmp_path / "a\0b.bw").startswith("cannot be read")


def test_named_pipe_or_device_does_not_block(tmp_path):
    special = Path(os.devnull)
    if hasattr(os, "mkfifo"):
        special = tmp_path / "pipe.bw"
        os.mkfifo(special)
    assert refusal(special) == "is not a regular file"


def test_unreadable_file(tmp_path, monkeypatch):
    def denied(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    path = packed(tmp_path / "x.bw")
    monkeypatch.setattr(Path, "open", denied)
    assert refusal(path) == "cannot be read: Permission denied"


def test_empty_and_foreign_files(tmp_path):
    path = tmp_path / "x.bw"
    for content in (b"", b"PK\x03\x04" + b"\0" * 100, b"SQLite format 2\0"):
        path.write_bytes(content)
        assert refusal(path) == "is not a .bw file: it is not a SQLite database"


def test_database_without_the_table(tmp_path):
    path = tmp_path / "x.bw"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE other (a)")
    connection.close()
    assert refusal(path) == "is not a .bw file: it has no table file_tree"


def test_table_without_a_garment(tmp_path):
    path = packed(tmp_path / "x.bw", ("preview", ".png", b"\x89PNG"))
    assert refusal(path) == "is not a .bw file: its file_tree has no row with ext '.vsgx'"


@pytest.mark.parametrize(
    "schema",
    [
        "CREATE VIEW file_tree AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
        " SELECT i AS id, '' AS name, '.vsgx' AS ext, zeroblob(1000) AS content FROM n",
        "CREATE VIRTUAL TABLE file_tree USING fts4(name, ext, content)",
        "CREATE TABLE file_tree (name TEXT, ext TEXT, content AS (zeroblob(1000000000)))",
        "CREATE TABLE file_tree (name AS (hex(zeroblob(100000000))), ext TEXT, content BLOB)",
        "CREATE TABLE file_tree (name TEXT, ext TEXT)",
        "CREATE TABLE file_tree (name TEXT PRIMARY KEY, ext TEXT, content BLOB) WITHOUT ROWID",
    ],
    ids=["endless view", "virtual table", "computed content", "computed name", "no content", "without rowid"],
)
def test_hostile_tables_are_refused(tmp_path, schema):
    path = tmp_path / "x.bw"
    connection = sqlite3.connect(path)
    connection.execute(schema)
    connection.close()
    assert refusal(path).startswith(("is not a .bw file: its file_tree", "is a corrupt database"))


def test_too_many_files(tmp_path):
    rows = tuple((str(i), ".png", b"") for i in range(10_001))
    assert refusal(packed(tmp_path / "x.bw", *rows)) == "contains more than 10000 files"


@pytest.mark.parametrize("content", [None, 5, 1.5, "text", b"", b"plain"], ids=repr)
def test_garment_that_is_not_compressed(tmp_path, content):
    path = packed(tmp_path / "x.bw", ("garment", ".vsgx", content))
    assert refusal(path).startswith(
        ("is corrupt: the contained garment.vsgx is not compressed", "is a corrupt database")
    )


def test_truncated_and_garbled_compression(tmp_path):
    whole = zstd(os.urandom(5000))
    cut = packed(tmp_path / "cut.bw", ("garment", ".vsgx", whole[:-100]))
    assert refusal(cut) == "is corrupt: the contained garment.vsgx is truncated"
    garbled = packed(tmp_path / "garbled.bw", ("garment", ".vsgx", whole[:4] + b"\xff" * 100))
    assert refusal(garbled).startswith("is corrupt: the contained garment.vsgx cannot be decompressed")


def test_window_over_the_limit_is_refused(tmp_path):
    parameters = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    content = compressor.compress(b"x" * 1000) + compressor.flush()
    path = packed(tmp_path / "x.bw", ("garment", ".vsgx", content))
    assert "cannot be decompressed" in refusal(path)


def test_decompression_bomb_is_stopped_at_the_limit_and_uses_little_memory(tmp_path):
    compressor = zstandard.ZstdCompressor().compressobj()
    bomb = b"".join(compressor.compress(b"\0" * 2**24) for _ in range(80)) + compressor.flush()
    path = packed(tmp_path / "x.bw", ("garment", ".vsgx", bomb))
    script = """
import sys
from pathlib import Path
import psutil
from openjd_vstitcher.errors import InvalidInput
from openjd_vstitcher.garment import open_garment

def peak():
    if sys.platform == "linux":  # ru_maxrss would be that of the process which started this one
        return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
    if sys.platform == "darwin":
        import resource
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return psutil.Process().memory_info().peak_wset

before = peak()
try:
    open_garment(Path(sys.argv[1]))
except InvalidInput as error:
    print(error)
print(peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    message, used_bytes = done.stdout.splitlines()
    assert "garment.vsgx decompresses to more than the limit of 39 MiB" in message
    assert int(used_bytes) < 150_000_000


def tiny(path: Path, part: bytes, size: int) -> Path:
    """A file of a few kilobytes whose garment is `size` bytes of the same part again and again."""
    compressor = zstandard.ZstdCompressor().compressobj()
    block = part * (2**20 // len(part))
    content = b"".join(compressor.compress(block) for _ in range(size // len(block))) + compressor.flush()
    return packed(path, ("garment", ".vsgx", content))


def within_limits(path: Path) -> str:
    """What is said of a file; reading it must be quick and light."""
    tracemalloc.start()
    began = time.monotonic()
    try:
        return refusal(path)
    finally:
        assert time.monotonic() - began < 8
        assert tracemalloc.get_traced_memory()[1] < 120 * 2**20
        tracemalloc.stop()


PART = b"shapeIds" + b"\1" * 14 + b"edgeId" + b"\1" * 6


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (b"Ruler", "has more than 10000 rulers"),
        (b"Ruler" + PART + b"rulerName\1\1\0", "has more than 10000 rulers"),
        (b"Ruler" + PART * 1500 + b"rulerName\1\1\0", "has more than 10000 rulers, or 100000 parts"),
        (b"shapeIds", None),
    ],
    ids=["marks", "rulers", "parts", "no ruler"],
)
def test_rulers_without_end_are_refused_quickly(tmp_path, part, said):
    path = tiny(tmp_path / "x.bw", part, 15 * 2**20)
    if said is None:
        assert open_garment(path).rulers == ()
    else:
        assert said in within_limits(path)


def test_small_file_cannot_become_hundreds_of_megabytes(tmp_path):
    path = tiny(tmp_path / "x.bw", b"Ruler", 250 * 2**20)
    assert path.stat().st_size < 50_000
    assert "decompresses to more than the limit of" in within_limits(path)


@pytest.mark.parametrize("value", [b"[],", b"{},", b"0,", b"[[[0]]],", b'"",'])
def test_garment_section_of_too_many_values_is_refused(tmp_path, value):
    content = b'{"a": [' + value * 1_000_000 + b"0]}"
    body = reader.DOCUMENT_KEY + struct.pack("<Q", len(content)) + content
    path = packed(tmp_path / "x.bw", ("garment", ".vsgx", zstd(body)))
    assert within_limits(path) == "has more than 500000 values in its garment section"


def test_number_of_many_digits_is_refused(tmp_path):
    content = b'{"a": ' + b"9" * 1_000_000 + b"}"
    body = reader.DOCUMENT_KEY + struct.pack("<Q", len(content)) + content
    assert "is not valid JSON" in within_limits(packed(tmp_path / "x.bw", ("garment", ".vsgx", zstd(body))))


def test_reading_ends_at_the_time_limit_in_every_loop(tmp_path, monkeypatch):
    monkeypatch.setattr("openjd_vstitcher.garment.file._TIME_LIMIT_S", -1.0)
    assert refusal(packed(tmp_path / "x.bw", ("garment", ".vsgx", zstd(b"x")))) == "takes longer than -1 s to read"
    calls = []
    parse_rulers(b"Ruler" * 5, lambda: calls.append(1))
    assert len(calls) == 5


def varint(number: int) -> bytes:
    """A number in three bytes, as SQLite stores it."""
    return bytes([0x80 | number >> 14, 0x80 | number >> 7 & 0x7F, number & 0x7F])


def test_content_that_claims_to_be_larger_than_the_file_is_refused(tmp_path):
    """Its pages could be a circle, so that it never ends."""
    path = packed(tmp_path / "x.bw", ("garment", ".vsgx", zstd(b"")), ("photo", ".jpg", bytes(20_000)))

    def cell(size: int) -> bytes:
        return varint(size + 16) + b"\x02\x07\x00\x17\x15" + varint(12 + 2 * size)

    data = path.read_bytes()
    assert data.count(cell(20_000)) == 1
    path.write_bytes(data.replace(cell(20_000), cell(1_000_000)))
    garment = open_garment(path)
    assert garment.files[1].size_bytes == 1_000_000
    with pytest.raises(InvalidInput, match=r"the contained photo\.jpg is larger than the file"):
        garment.read("photo", ".jpg")


def test_only_a_few_pictures_are_tried_as_the_preview(tmp_path, monkeypatch):
    pictures = [(str(number), ".png", zstd(b"no picture")) for number in range(100)]
    garment = open_garment(packed(tmp_path / "x.bw", ("garment", ".vsgx", zstd(b"")), *pictures))
    read = []
    original = reader.file._content
    monkeypatch.setattr(reader.file, "_content", lambda *a, **k: read.append(1) or original(*a, **k))
    assert garment.preview() is None
    assert len(read) == 20


def test_garment_section_that_is_not_json(tmp_path):
    for number, (size, content, said) in enumerate(
        [
            (1000, b"{}", "exceeds the file"),
            (3, b"{,}", "is not valid JSON"),
            (200_000, b"[" * 200_000, "is not valid JSON"),
            (2, b"[]", "is not a JSON object"),
        ]
    ):
        body = reader.DOCUMENT_KEY + struct.pack("<Q", size) + content
        path = packed(tmp_path / f"{number}.bw", ("garment", ".vsgx", zstd(body)))
        assert said in refusal(path)


def test_vstitcher_garment_has_rulers_but_no_standin_section(tmp_path):
    body = b"\x01\x02" + encode_rulers([WrittenRuler(1, "Waist", [RulerElement(1, 4)])])
    file = open_garment(packed(tmp_path / "x.bw", ("style", ".vsgx", zstd(body))))
    assert (file.document, file.names("colorways"), file.preview()) == (None, [], None)
    assert [ruler.name for ruler in file.rulers] == ["Waist"]


def test_preview_whose_content_is_not_an_image_is_ignored(tmp_path):
    rows = [("garment", ".vsgx", zstd(b"")), ("preview", ".png", b"<script>"), ("photo", ".jpg", b"\xff\xd8\xff\xe0")]
    assert open_garment(packed(tmp_path / "x.bw", *rows)).preview() == (".jpg", b"\xff\xd8\xff\xe0")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.glb", b"", "is empty"),
        ("x.glb", b"glTX" + b"\0" * 100, "does not start with 'glTF'"),
        ("x.glb", b"glTF\2\0\0\0" + struct.pack("<I", 5000) + b"\0" * 100, "is truncated: it has 112 of 5000 bytes"),
        ("x.obj", b"\0\1\2 v ", "no line starts with 'v '"),
        ("x.obj", b"hello\n", "no line starts with 'v '"),
        ("x.vsgx", b"", "is empty"),
        ("x.zip", b"PK", "is not a garment file: expected .bw"),
        ("x", b"?", "is not a garment file: expected .bw"),
    ],
)
def test_check_garment_refuses(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="x") as caught:
        check_garment(path)
    assert said in str(caught.value)


def test_check_garment_accepts(tmp_path):
    check_garment(TEE)
    check_garment(TEE.with_name("tee.glb"))
    for name, content in (("x.vsp", b"?"), ("x.dxf", b"0"), ("X.OBJ", b"# made\nv 0 0 0\n")):
        (tmp_path / name).write_bytes(content)
        check_garment(tmp_path / name)
