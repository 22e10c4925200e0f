"""Inputs end at the limits on bytes, time and disk, whatever a server or a file does."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.config import InputsConfig
from openjd_vstitcher.errors import InvalidInput, StorageError
from openjd_vstitcher.storage.inputs.cache import Cache
from openjd_vstitcher.storage.inputs.download import Fetched, fetch
from openjd_vstitcher.storage.inputs.limits import Allowance, Sink
from openjd_vstitcher.storage.inputs.manifest import InputEntry
from tests.input_server import CONTENT, InputServer, entry_of, server

__all__ = ["server"]


def _fetch(server: InputServer, entry: InputEntry, target: Path, min_free_bytes: int = 0, **limits: Any) -> Fetched:
    allowance = Allowance(InputsConfig(**limits), min_free_bytes)
    return fetch(entry, target, allow_private_hosts=[server.host], allowance=allowance)


@pytest.mark.parametrize("path", ["/endless", "/endless?chunked"])
def test_endless_body_ends_at_the_limit_and_leaves_nothing(server: InputServer, tmp_path: Path, path: str) -> None:
    with pytest.raises(InvalidInput, match=r"more bytes than inputs\.max_bytes allows \(3000000\)"):
        _fetch(server, entry_of(f"http://{server.host}{path}", version=""), tmp_path / "x", max_bytes=3_000_000)
    assert list(tmp_path.iterdir()) == []
    assert len(server.requests) == 1


def test_body_that_says_it_is_too_large_is_not_read(server: InputServer, tmp_path: Path) -> None:
    server.cut_after = [0]
    entry = entry_of(f"http://{server.host}/x?length=5000000", version="")
    with pytest.raises(InvalidInput, match=r"inputs\.max_bytes"):
        _fetch(server, entry, tmp_path / "x", max_bytes=3_000_000)
    assert len(server.requests) == 1


def test_body_with_more_bytes_than_the_manifest_says_ends_there(server: InputServer, tmp_path: Path) -> None:
    entry = entry_of(f"http://{server.host}/endless", size_bytes=1000)
    with pytest.raises(InvalidInput, match="more than the 1000 bytes that it had"):
        _fetch(server, entry, tmp_path / "x")


def test_inputs_together_end_at_the_limit_of_the_job(server: InputServer, tmp_path: Path) -> None:
    allowance = Allowance(InputsConfig(max_total_bytes=2 * len(CONTENT)))
    entry = entry_of(f"http://{server.host}/tee.bw", version="")
    server.cut_after = [300_000]
    for name in ("1", "2"):
        fetch(entry, tmp_path / name, allow_private_hosts=[server.host], allowance=allowance)
    with pytest.raises(InvalidInput, match=r"inputs\.max_total_bytes"):
        fetch(entry, tmp_path / "3", allow_private_hosts=[server.host], allowance=allowance)


def test_inputs_from_the_cache_and_from_files_count_too(server: InputServer, tmp_path: Path) -> None:
    cache, entry = Cache(tmp_path / "cache", 1 << 30), entry_of(f"http://{server.host}/tee.bw")
    fetch(entry, tmp_path / "1", allow_private_hosts=[server.host], cache=cache)
    for url in (entry.url, (tmp_path / "1").as_uri()):
        with pytest.raises(InvalidInput, match=r"inputs\.max_bytes"):
            fetch(entry_of(url), tmp_path / "2", cache=cache, allowance=Allowance(InputsConfig(max_bytes=1000)))
    assert len(server.requests) == 1


@pytest.mark.parametrize("what", ["head", "body", "open"])
def test_answer_that_drips_ends_at_the_time_limit(server: InputServer, tmp_path: Path, what: str) -> None:
    began = time.monotonic()
    with pytest.raises(StorageError, match=r"longer than inputs\.timeout_s \(0\.5 s\)") as caught:
        _fetch(server, entry_of(f"http://{server.host}/drip?{what}"), tmp_path / "x", timeout_s=0.5)
    assert time.monotonic() - began < 5
    assert not caught.value.transient
    assert list(tmp_path.iterdir()) == []


def test_connection_that_stands_still_is_tried_again_until_the_time_limit(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        limits = InputsConfig(timeout_s=1.5, idle_timeout_s=0.2)
        with pytest.raises(StorageError, match=r"inputs\.timeout_s"):
            fetch(entry_of(f"http://{host}/x"), tmp_path / "x", allow_private_hosts=[host], allowance=Allowance(limits))
        silent.settimeout(1)
        for _ in range(2):
            silent.accept()[0].close()


def test_disk_that_is_nearly_full_stops_the_download_and_is_named(server: InputServer, tmp_path: Path) -> None:
    floor = shutil.disk_usage(tmp_path).total
    with pytest.raises(StorageError, match=f"the disk of {tmp_path} has only") as caught:
        _fetch(server, entry_of(f"http://{server.host}/tee.bw"), tmp_path / "x", min_free_bytes=floor)
    assert caught.value.transient
    assert list(tmp_path.iterdir()) == []
    assert len(server.requests) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("kind", ["http", "file"])
def test_disk_that_is_full_is_the_machines_fault_and_not_tried_again(
    server: InputServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    part = tmp_path / "part"
    part.symlink_to("/dev/full")
    monkeypatch.setattr("openjd_vstitcher.storage.inputs.download.part_path", lambda _: str(part))
    (tmp_path / "in").write_bytes(CONTENT)
    url = f"http://{server.host}/tee.bw" if kind == "http" else (tmp_path / "in").as_uri()
    with pytest.raises(StorageError, match=f"the disk of {tmp_path}: {os.strerror(errno.ENOSPC)}") as caught:
        _fetch(server, entry_of(url), tmp_path / "x")
    assert caught.value.transient
    assert len(server.requests) <= 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_disk_that_is_full_is_noticed_when_the_last_bytes_are_flushed(tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.symlink_to("/dev/full")
    sink = Sink(part, "tee.bw", None, Allowance(InputsConfig()))
    with pytest.raises(StorageError, match=os.strerror(errno.ENOSPC)) as caught, sink.open():
        sink.write(b"small")
    assert caught.value.transient


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_what_ended_a_download_is_not_hidden_by_the_disk_that_is_full(tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.symlink_to("/dev/full")
    sink = Sink(part, "tee.bw", 9, Allowance(InputsConfig()))
    sink.open().write(b"small")
    with pytest.raises(InvalidInput, match="has more than the 9 bytes"), sink:
        sink.write(b"more than that")


@pytest.mark.skipif(os.name == "nt", reason="no device files")
def test_only_regular_files_are_copied(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"x")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for name in ("/dev/zero", "/dev/tty", "pipe", "socket", "link", "."):
            with pytest.raises(InvalidInput, match="is not a regular file"):
                fetch(entry_of((tmp_path / name).as_uri(), source_uri=""), tmp_path / "new/x")
    assert list((tmp_path / "new").iterdir()) == []


def test_cache_leaves_room_on_its_disk(server: InputServer, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 1 << 30, min_free_bytes=shutil.disk_usage(tmp_path).total)
    for name in ("1", "2"):
        fetch(entry_of(f"http://{server.host}/x"), tmp_path / name, allow_private_hosts=[server.host], cache=cache)
    assert len(server.requests) == 2
