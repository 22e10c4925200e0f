"""What keeps a writer that was overtaken from replacing what the next one stored (Law 1), in every storage."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openjd_vstitcher.storage.ports import ObjectChanged, Transfer

from .subject import PART_BYTES, Interrupted, Subject, last, put_at_once


@pytest.mark.parametrize("size", [10, 2 * PART_BYTES])
def test_guard_is_asked_before_the_object_changes_and_can_forbid_it(
    subject: Subject, tmp_path: Path, size: int
) -> None:
    subject.put(b"old", "a.png")
    seen: list[bytes] = []
    noted: list[str | None] = []

    def forbid() -> None:
        seen.append(subject.read("a.png", tmp_path))
        raise Interrupted

    content = os.urandom(size)
    with pytest.raises(Interrupted):
        subject.put(content, "a.png", transfer=Transfer(guard=forbid, on_upload_id=noted.append))
    assert seen == [b"old"]
    assert subject.read("a.png", tmp_path) == b"old"
    subject.put(content, "a.png", transfer=Transfer(upload_id=noted[-1] if noted else None))
    assert subject.leftovers() == []


@pytest.mark.parametrize("size", [10, 2 * PART_BYTES])
def test_guard_is_asked_after_the_last_byte_was_sent(subject: Subject, size: int) -> None:
    """An upload of many bytes takes long: what held when it began may not hold when it ends."""
    order: list[str] = []
    transfer = Transfer(guard=lambda: order.append("guard"), on_bytes=lambda count: order.append("bytes"))
    subject.put(os.urandom(size), "a.png", transfer=transfer)
    assert "guard" in order
    if size > PART_BYTES:
        assert order[-1] == "guard"


@pytest.mark.parametrize("size", [10, 2 * PART_BYTES])
def test_object_that_was_not_there_is_not_replaced(subject: Subject, tmp_path: Path, size: int) -> None:
    subject.put(b"first", "a.png", transfer=Transfer(replaces=""))
    noted: list[str | None] = []
    with pytest.raises(ObjectChanged) as caught:
        subject.put(os.urandom(size), "a.png", transfer=Transfer(replaces="", on_upload_id=noted.append))
    assert caught.value.transient
    assert subject.read("a.png", tmp_path) == b"first"
    subject.storage.abandon(subject.uri("a.png"), last(noted))
    assert subject.leftovers() == []


@pytest.mark.parametrize("size", [10, 2 * PART_BYTES])
def test_only_the_object_that_was_seen_is_replaced(subject: Subject, tmp_path: Path, size: int) -> None:
    first = subject.put(os.urandom(size), "a.png")
    found = subject.storage.stat(subject.uri("a.png"))
    assert found is not None
    assert found.etag == first.etag != ""
    second = subject.put(os.urandom(size), "a.png", transfer=Transfer(replaces=first.etag))
    content = os.urandom(size)
    noted: list[str | None] = []
    with pytest.raises(ObjectChanged):
        subject.put(content, "a.png", transfer=Transfer(replaces=first.etag, on_upload_id=noted.append))
    found = subject.storage.stat(subject.uri("a.png"))
    assert found is not None
    assert found.etag == second.etag
    upload_id = noted[-1] if noted else None
    subject.put(content, "a.png", transfer=Transfer(replaces=second.etag, upload_id=upload_id))
    assert subject.read("a.png", tmp_path) == content
    assert subject.leftovers() == []


@pytest.mark.parametrize("size", [10, 2 * PART_BYTES])
def test_object_that_is_gone_is_not_the_one_that_was_seen(subject: Subject, size: int) -> None:
    etag = subject.put(os.urandom(size), "other.png").etag
    noted: list[str | None] = []
    with pytest.raises(ObjectChanged):
        subject.put(os.urandom(size), "a.png", transfer=Transfer(replaces=etag, on_upload_id=noted.append))
    assert subject.storage.stat(subject.uri("a.png")) is None
    subject.storage.abandon(subject.uri("a.png"), last(noted))
    assert subject.leftovers() == []


@pytest.mark.parametrize("size", [10, 2 * PART_BYTES])
@pytest.mark.parametrize("exists", [False, True])
def test_object_that_another_writes_after_the_guard_was_asked_is_not_replaced(
    subject: Subject, tmp_path: Path, size: int, exists: bool
) -> None:
    replaces = subject.put(b"old", "a.png").etag if exists else ""
    noted: list[str | None] = []

    def overtaken() -> None:
        subject.put(b"second attempt", "a.png")

    transfer = Transfer(guard=overtaken, replaces=replaces, on_upload_id=noted.append)
    with pytest.raises(ObjectChanged):
        subject.put(os.urandom(size), "a.png", transfer=transfer)
    assert subject.read("a.png", tmp_path) == b"second attempt"
    subject.storage.abandon(subject.uri("a.png"), last(noted))
    assert subject.leftovers() == []


def test_one_of_many_writers_makes_an_object_that_was_not_there(subject: Subject, tmp_path: Path) -> None:
    contents = [bytes([number]) * 1000 for number in range(6)]
    lost = put_at_once(subject, contents, Transfer(replaces=""))
    assert len(lost) == len(contents) - 1
    assert {type(error) for error in lost} == {ObjectChanged}
    assert subject.read("a.png", tmp_path) in contents
