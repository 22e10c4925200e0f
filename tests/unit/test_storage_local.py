"""The local directory as storage, and what it refuses."""

from __future__ import annotations

import errno
import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from filelock import FileLock

from openjd_vstitcher.config import Config, InputsConfig, LocalStorageConfig, StorageConfig
from openjd_vstitcher.errors import ConfigError, InvalidInput, StorageError
from openjd_vstitcher.files import move_into_place
from openjd_vstitcher.storage.adapters import open_storage
from openjd_vstitcher.storage.ports import ObjectChanged, Storage, Transfer
from openjd_vstitcher.storage.values import PutOptions


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage(_config(tmp_path / "root"))


def _config(root: Path, write_to: tuple[str, ...] = (), read_from: tuple[str, ...] = ()) -> Config:
    storage = StorageConfig(write_to=write_to, local=LocalStorageConfig(root))
    return Config(storage=storage, inputs=InputsConfig(read_from=read_from))


def _put(storage: Storage, file: Path, uri: str, sha256: str | None = None, transfer: Transfer | None = None) -> None:
    expected = sha256 or hashlib.sha256(file.read_bytes()).hexdigest()
    with file.open("rb") as source:
        storage.put(source, uri, sha256=expected, options=PutOptions(), transfer=transfer or Transfer())


def test_object_is_the_file_under_root_and_bucket(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    _put(storage, tmp_path / "a", "s3://bucket/x/y.png")
    assert (tmp_path / "root/bucket/x/y.png").read_bytes() == b"abc"


def test_full_disk_is_a_passing_error_and_leaves_no_part(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageError, match="No space left") as caught:
        _put(storage, tmp_path / "a", "s3://bucket/y.png", transfer=Transfer(on_bytes=full))
    assert caught.value.transient
    assert list((tmp_path / "root/bucket").iterdir()) == []


def test_what_a_killed_upload_left_is_not_listed_and_goes_when_it_is_continued(
    storage: Storage, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    noted: list[str | None] = []
    _put(storage, tmp_path / "a", "s3://bucket/x/y.png", transfer=Transfer(on_upload_id=noted.append))
    assert noted[-1] is None
    left = tmp_path / "root/bucket/x" / str(noted[0])
    left.write_bytes(b"half")
    assert [item.uri for item, _ in storage.list("s3://bucket/x/")] == ["s3://bucket/x/y.png"]
    _put(storage, tmp_path / "a", "s3://bucket/x/y.png", transfer=Transfer(upload_id=noted[0]))
    assert not left.exists()


def test_only_a_part_is_removed_when_an_upload_is_continued(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    _put(storage, tmp_path / "a", "s3://bucket/x.png")
    _put(storage, tmp_path / "a", "s3://bucket/y.png", transfer=Transfer(upload_id="x.png"))
    assert (tmp_path / "root/bucket/x.png").exists()


@pytest.mark.parametrize("uri", ["/etc/passwd", "file:///etc/passwd", "s3://bucket/../../x", "s3://b/a/../../../x"])
def test_address_outside_of_root_is_refused_where_no_prefix_is_named(storage: Storage, uri: str) -> None:
    with pytest.raises(InvalidInput):
        storage.check(uri)
    with pytest.raises(InvalidInput):
        storage.check_source(uri)


def test_any_bucket_is_allowed_where_no_prefix_is_named(storage: Storage) -> None:
    storage.check("s3://any-bucket/x")
    storage.check_source("s3://any-bucket/x")


def test_directory_outside_of_root_is_allowed_where_it_is_named(tmp_path: Path) -> None:
    storage = open_storage(_config(tmp_path / "root", read_from=(str(tmp_path / "in"),)))
    storage.check_source(str(tmp_path / "in/tee.bw"))
    with pytest.raises(InvalidInput, match=r"inputs\.read_from"):
        storage.check_source(str(tmp_path / "inner/tee.bw"))


@pytest.mark.not_wine(reason="it makes no symbolic links")
def test_link_in_a_local_path_does_not_lead_out_of_root(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/link").symlink_to("/etc")
    storage = open_storage(_config(tmp_path / "root"))
    with pytest.raises(InvalidInput):
        storage.check_source(str(tmp_path / "root/link/passwd"))


def test_unknown_kind_of_storage_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="expected local or s3"):
        open_storage(Config(storage=StorageConfig(kind="ftp")))


def test_two_writers_that_may_replace_the_same_object_do_not_both(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody writes between the look at the object and its replacement; if both writers got there, they would meet."""
    both_there = threading.Barrier(2)

    def meet(part: Path, target: Path) -> None:
        with suppress(threading.BrokenBarrierError):
            both_there.wait(0.3)
        move_into_place(part, target)

    monkeypatch.setattr("openjd_vstitcher.storage.local.move_into_place", meet)

    def put(name: str) -> bool:
        (tmp_path / name).write_text(name)
        try:
            _put(storage, tmp_path / name, "s3://bucket/a.png", transfer=Transfer(replaces=""))
        except ObjectChanged:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(put, ["one", "two"])) == [False, True]


def test_an_object_that_another_process_keeps_locked_is_tried_again_later(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openjd_vstitcher.storage.local._LOCK_LIMIT_S", 0.1)
    (tmp_path / "a").write_bytes(b"abc")
    uri = "s3://bucket/x/y.png"
    _put(storage, tmp_path / "a", uri, transfer=Transfer(replaces=""))
    (lock,) = (tmp_path / "root/.locks").iterdir()
    now = storage.stat(uri)
    assert now is not None
    transfer = Transfer(replaces=now.etag)
    with FileLock(lock), pytest.raises(StorageError, match="another process is storing something") as caught:
        _put(storage, tmp_path / "a", uri, transfer=transfer)
    assert caught.value.transient
    _put(storage, tmp_path / "a", uri, transfer=transfer)
