"""The cache of inputs on a machine."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from openjd_vstitcher.storage.inputs.cache import Cache
from openjd_vstitcher.storage.inputs.manifest import InputEntry


def _keep(cache: Cache, tmp_path: Path, content: bytes, version: str = "v1") -> InputEntry:
    source = tmp_path / "source"
    source.write_bytes(content)
    uri = f"s3://b/{hashlib.sha256(content).hexdigest()[:6]}"
    entry = InputEntry("garment", "x.bw", "https://h/x", source_uri=uri, version=version)
    cache.keep(entry, source, hashlib.sha256(content).hexdigest())
    return entry


def test_what_was_kept_is_copied_by_address_and_version(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 1000)
    entry = _keep(cache, tmp_path, b"abc")
    assert cache.copy(entry, tmp_path / "target") == hashlib.sha256(b"abc").hexdigest()
    assert (tmp_path / "target").read_bytes() == b"abc"
    other = InputEntry("garment", "x.bw", "https://h/x", source_uri=entry.source_uri, version="v2")
    assert cache.copy(other, tmp_path / "other") is None


def test_damaged_file_is_dropped_and_not_given(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 1000)
    entry = _keep(cache, tmp_path, b"abc")
    (cached,) = (tmp_path / "cache/objects").iterdir()
    cached.write_bytes(b"abX")
    assert cache.copy(entry, tmp_path / "target") is None
    assert not cached.exists()


def test_least_recently_used_leaves_when_the_limit_is_reached(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 250)
    first, second = _keep(cache, tmp_path, b"a" * 100), _keep(cache, tmp_path, b"b" * 100)
    for number, path in enumerate(sorted((tmp_path / "cache/objects").iterdir())):
        os.utime(path, (number, number))
    cache.copy(first, tmp_path / "target")
    _keep(cache, tmp_path, b"c" * 100)
    assert cache.copy(second, tmp_path / "target") is None
    assert cache.copy(first, tmp_path / "target") is not None


def test_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"a file in the way")
    cache = Cache(tmp_path / "cache", 1000)
    entry = _keep(cache, tmp_path, b"abc")
    assert cache.copy(entry, tmp_path / "target") is None
