"""What every storage does. A new adapter is under it with a module in `subjects/`."""

from __future__ import annotations

import io
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.errors import InvalidInput, StorageError
from openjd_vstitcher.storage.ports import Transfer
from openjd_vstitcher.storage.values import PutOptions

from .subject import PART_BYTES, Interrupted, Subject, digest_of, interrupt, interrupted_upload, last, put_at_once

_SIZES = [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES + 17]
_NAMES = [
    "plain.png",
    "with space.png",
    "a+b.png",
    "50%.png",
    "a%20b%2Fc.png",
    "Größe – 日本 👕.png",
    "cafe\u0301.png",
    "it's & (new) = [1], {2}; @home!.png",
    "#hash.png",
    "~tilde^caret`.png",
    ".hidden.png",
    "x" * 200,
    "folder with + and %/deep/er.png",
]
_WINDOWS_REFUSES = ["question?.png", "star*.png", 'quote".png']
_ELSEWHERE = [
    "s3://other/x.png",
    "s3://style-assets-2/x.png",
    "s3://style-assets/../secrets/x.png",
    "s3://style-assets/a/./x.png",
    "s3://style-assets/a\nb.png",
    "s3://",
    "s3://UPPER/x",
    "/etc/passwd",
    "relative/x.png",
    "file:///etc/passwd",
    "ftp://style-assets/x.png",
    "",
]


@pytest.mark.parametrize("uri", [*_ELSEWHERE, "https://example.com/x.png"])
def test_destination_that_is_not_allowed_is_refused(subject: Subject, uri: str) -> None:
    with pytest.raises(InvalidInput, match="storage address"):
        subject.storage.check(uri)


@pytest.mark.parametrize("uri", _ELSEWHERE)
def test_source_that_is_not_allowed_is_refused(subject: Subject, uri: str) -> None:
    with pytest.raises(InvalidInput, match="storage address"):
        subject.storage.check_source(uri)


def test_what_the_configuration_names_is_allowed(subject: Subject) -> None:
    subject.storage.check("s3://style-assets/exports/a b.png")
    subject.storage.check_source("s3://style-assets/x.png")
    subject.storage.check_source("s3://artworks/prints/x.png")


def test_refusal_names_the_key_of_the_configuration(subject: Subject) -> None:
    with pytest.raises(InvalidInput, match=r"'s3://artworks/prints/x' is not among .* storage\.write_to allows"):
        subject.storage.check("s3://artworks/prints/x")
    with pytest.raises(InvalidInput, match=r"'s3://artworks/x' is not among .* inputs\.read_from allows"):
        subject.storage.check_source("s3://artworks/x")


def test_inputs_over_https_are_the_downloaders_to_judge(subject: Subject) -> None:
    subject.storage.check_source("https://cdn.example.com/tee.bw")


@pytest.mark.parametrize("size", _SIZES)
def test_object_has_exactly_the_bytes_of_the_file(subject: Subject, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    stored = subject.put(content, "file.bin")
    assert (stored.uri, stored.size_bytes) == (subject.uri("file.bin"), size)
    assert stored.sha256 in (None, digest_of(content))
    assert subject.read("file.bin", tmp_path) == content
    found = subject.storage.stat(subject.uri("file.bin"))
    assert found is not None
    assert (found.uri, found.size_bytes, found.version) == (stored.uri, size, stored.version)
    assert subject.leftovers() == []


@pytest.mark.parametrize("name", _NAMES + ([] if os.name == "nt" else _WINDOWS_REFUSES))
def test_name_comes_back_as_it_was_given(subject: Subject, tmp_path: Path, name: str) -> None:
    subject.put(name.encode(), name)
    found = subject.storage.stat(subject.uri(name))
    assert found is not None
    assert found.uri == subject.uri(name)
    assert subject.names() == [name]
    assert subject.read(name, tmp_path) == name.encode()


@pytest.mark.parametrize("size", [1000, 2 * PART_BYTES])
def test_storing_the_same_again_changes_nothing(subject: Subject, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    first, second = subject.put(content, "a.png"), subject.put(content, "a.png")
    assert (first.uri, first.size_bytes, first.sha256) == (second.uri, second.size_bytes, second.sha256)
    assert subject.names() == ["a.png"]
    assert subject.read("a.png", tmp_path) == content


def test_new_content_replaces_the_old(subject: Subject, tmp_path: Path) -> None:
    subject.put(os.urandom(2 * PART_BYTES), "a.png")
    subject.put(b"new", "a.png")
    assert subject.read("a.png", tmp_path) == b"new"


@pytest.mark.parametrize("size", [10, 2 * PART_BYTES])
def test_file_is_stored_from_its_beginning_wherever_it_was_read_to(subject: Subject, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    source = io.BytesIO(content)
    source.seek(7)
    subject.put(source, "a.png", sha256=digest_of(content))
    assert subject.read("a.png", tmp_path) == content


@pytest.mark.parametrize("size", [10, 3 * PART_BYTES])
def test_other_bytes_than_were_announced_are_not_stored(subject: Subject, size: int) -> None:
    noted: list[str | None] = []
    transfer = Transfer(on_upload_id=noted.append)
    with pytest.raises(StorageError, match="changed") as caught:
        subject.put(io.BytesIO(os.urandom(size)), "a.png", sha256="0" * 64, transfer=transfer)
    assert caught.value.transient
    assert subject.storage.stat(subject.uri("a.png")) is None
    subject.storage.abandon(subject.uri("a.png"), last(noted))
    assert subject.leftovers() == []


class _Shrinking(io.BytesIO):
    """Loses its second half when it is first read."""

    def read(self, size: int | None = -1, /) -> bytes:
        self.truncate(self._half)
        return super().read(size)

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._half = len(content) // 2


@pytest.mark.parametrize("size", [10, 3 * PART_BYTES])
def test_file_that_shrinks_while_it_is_read_is_not_stored(subject: Subject, size: int) -> None:
    content = os.urandom(size)
    with pytest.raises(StorageError, match=r"changed|shorter") as caught:
        subject.put(_Shrinking(content), "a.png", sha256=digest_of(content))
    assert caught.value.transient
    assert subject.storage.stat(subject.uri("a.png")) is None
    assert subject.names() == []


@pytest.mark.parametrize("size", [10, 3 * PART_BYTES + 17])
def test_every_byte_is_told_once(subject: Subject, size: int) -> None:
    told: list[int] = []
    subject.put(os.urandom(size), "a.png", transfer=Transfer(on_bytes=told.append))
    assert sum(told) == size


def test_object_is_not_there_before_it_is_whole(subject: Subject) -> None:
    seen: list[Any] = []

    def look(_: int) -> None:
        seen.append((subject.storage.stat(subject.uri("a.png")), subject.names()))

    subject.put(os.urandom(3 * PART_BYTES), "a.png", transfer=Transfer(on_bytes=look))
    assert seen
    assert set(map(str, seen)) == {"(None, [])"}
    assert subject.names() == ["a.png"]


def test_interrupted_upload_is_continued_to_the_whole_object(subject: Subject, tmp_path: Path) -> None:
    content = os.urandom(3 * PART_BYTES)
    noted: list[str | None] = []
    with pytest.raises(Interrupted):
        subject.put(content, "a.png", transfer=Transfer(on_bytes=interrupt, on_upload_id=noted.append))
    assert subject.storage.stat(subject.uri("a.png")) is None
    assert subject.names() == []
    upload_id = noted[-1] if noted else None
    subject.put(content, "a.png", transfer=Transfer(upload_id=upload_id, on_upload_id=noted.append))
    assert subject.read("a.png", tmp_path) == content
    assert subject.leftovers() == []
    assert not noted or noted[-1] is None


def test_interrupted_upload_is_continued_with_a_file_that_has_changed(subject: Subject, tmp_path: Path) -> None:
    noted: list[str | None] = []
    transfer = Transfer(on_bytes=interrupt, on_upload_id=noted.append)
    with pytest.raises(Interrupted):
        subject.put(os.urandom(3 * PART_BYTES), "a.png", transfer=transfer)
    content = os.urandom(2 * PART_BYTES)
    subject.put(content, "a.png", transfer=Transfer(upload_id=noted[-1] if noted else None))
    assert subject.read("a.png", tmp_path) == content
    assert subject.leftovers() == []


def test_upload_whose_id_was_never_written_down_is_stored_and_leaves_nothing(subject: Subject, tmp_path: Path) -> None:
    content = os.urandom(2 * PART_BYTES)

    def cannot_be_saved(upload_id: str | None) -> None:
        if upload_id:
            raise Interrupted

    with suppress(Interrupted):
        subject.put(content, "a.png", transfer=Transfer(on_upload_id=cannot_be_saved))
    subject.put(content, "a.png", transfer=Transfer(upload_id=""))
    assert subject.read("a.png", tmp_path) == content
    assert subject.leftovers() == []


def test_interrupted_upload_can_be_abandoned(subject: Subject) -> None:
    upload_id = interrupted_upload(subject, os.urandom(3 * PART_BYTES))
    for _ in range(2):
        subject.storage.abandon(subject.uri("a.png"), upload_id)
    assert subject.leftovers() == []
    assert subject.names() == []


def test_interrupted_upload_leaves_the_old_object(subject: Subject, tmp_path: Path) -> None:
    subject.put(b"old", "a.png")
    upload_id = interrupted_upload(subject, os.urandom(3 * PART_BYTES))
    assert subject.read("a.png", tmp_path) == b"old"
    subject.storage.abandon(subject.uri("a.png"), upload_id)


@pytest.mark.parametrize("name", ["a.png", "a.png.more"])
@pytest.mark.parametrize("size", [10, 2 * PART_BYTES])
def test_unfinished_upload_of_another_writer_is_left_alone(
    subject: Subject, tmp_path: Path, name: str, size: int
) -> None:
    theirs = os.urandom(3 * PART_BYTES)
    upload_id = interrupted_upload(subject, theirs, name)
    before = subject.leftovers()
    ours = os.urandom(size)
    subject.put(ours, "a.png", transfer=Transfer(upload_id=""))
    subject.storage.abandon(subject.uri("a.png"), "")
    assert subject.read("a.png", tmp_path) == ours
    assert subject.leftovers() == before
    subject.put(theirs, name, transfer=Transfer(upload_id=upload_id or None))
    assert subject.read(name, tmp_path) == theirs
    assert subject.leftovers() == []


def test_object_is_not_stored_where_it_may_not_be(subject: Subject) -> None:
    source = io.BytesIO(b"x")
    for uri in ("s3://artworks/prints/x.png", "s3://other/x.png", "/tmp/x.png"):
        with pytest.raises(InvalidInput):
            subject.storage.put(source, uri, sha256=digest_of(b"x"), options=PutOptions())
    assert source.tell() == 0


@pytest.mark.parametrize("name", ["missing.png", "a.png/", "a.png/below", "folder", "folder/", "a.pn", "a.png.more"])
def test_what_is_not_there_is_none(subject: Subject, name: str) -> None:
    subject.put(b"x", "a.png")
    subject.put(b"x", "folder/b.png")
    assert subject.storage.stat(subject.uri(name)) is None


def test_objects_are_listed_in_the_order_of_their_addresses(subject: Subject) -> None:
    names = ["b/a", "b.a", "b-a", "a", "B", "b/a b", "b/a+b", "é", "日本", "b/c/d", "👕"]
    for name in names:
        subject.put(name.encode(), name)
    listed = subject.storage.list(subject.prefix)
    assert [found.uri for found, _ in listed] == [subject.uri(name) for name in sorted(names)]
    assert [found.size_bytes for found, _ in listed] == [len(name.encode()) for name in sorted(names)]


@pytest.mark.parametrize("slash", ["", "/"])
def test_only_what_is_in_the_folder_is_listed(subject: Subject, slash: str) -> None:
    for name in ("x/1", "x/2/3", "xy/4", "x.5", "y/x/6"):
        subject.put(b"x", name)
    listed = [found.uri for found, _ in subject.storage.list(subject.uri("x") + slash)]
    assert listed == [subject.uri("x/1"), subject.uri("x/2/3")]


def test_folder_that_is_not_there_is_empty(subject: Subject) -> None:
    subject.put(b"x", "a.png")
    assert list(subject.storage.list(subject.uri("none/"))) == []
    assert list(subject.storage.list(subject.uri("a.png"))) == []


def test_listing_stops_at_the_number_that_was_asked_for(subject: Subject) -> None:
    for name in ("a", "b", "c"):
        subject.put(b"x", name)
    assert [len(subject.storage.list(subject.prefix, most=most)) for most in (1, 2, 3, 4)] == [1, 2, 3, 3]


def test_listing_tells_when_objects_were_changed(subject: Subject) -> None:
    before = time.time()
    subject.put(b"x", "a.png")
    ((_, changed),) = subject.storage.list(subject.prefix)
    assert before - 2 <= changed <= time.time() + 2


@pytest.mark.parametrize("uri", ["s3://artworks/secret.png", "s3://other/x", "/etc/passwd", "file:///etc/passwd"])
def test_no_url_is_made_for_what_may_not_be_read(subject: Subject, uri: str) -> None:
    with pytest.raises(InvalidInput):
        subject.storage.presign(uri, expires_s=60)


@pytest.mark.parametrize("size", [1000, 2 * PART_BYTES])
def test_writers_of_one_object_leave_one_of_their_contents(subject: Subject, tmp_path: Path, size: int) -> None:
    contents = [bytes([number]) * size for number in range(6)]
    lost = put_at_once(subject, contents)
    assert len(lost) < len(contents)
    assert all(error.transient for error in lost)
    assert subject.read("a.png", tmp_path) in contents
    assert subject.names() == ["a.png"]
    assert subject.leftovers() == []


def test_writers_of_the_same_content_all_succeed(subject: Subject, tmp_path: Path) -> None:
    content = os.urandom(2000)
    assert put_at_once(subject, [content] * 6) == []
    assert subject.read("a.png", tmp_path) == content
