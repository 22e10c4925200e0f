"""Addresses: what they name, how they are joined, and which of them a configuration allows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.errors import InvalidInput
from openjd_vstitcher.storage.address import file_name, join, local_path, split_s3, within
from openjd_vstitcher.storage.destination import destination_prefix

POSIX, WINDOWS = pytest.mark.posix(reason="paths of POSIX"), pytest.mark.windows(reason="paths of Windows")


def test_key_is_taken_as_it_stands() -> None:
    assert split_s3("s3://style-assets/a b/%41é.png") == ("style-assets", "a b/%41é.png")


@pytest.mark.parametrize(
    "uri",
    ["https://x/y", "s3://", "s3://UPPER/x", "s3://a", "s3://bucket/../x", "s3://bucket/a/./b", "s3://bucket/a\nb"],
)
def test_address_that_is_none_is_refused(uri: str) -> None:
    with pytest.raises(InvalidInput, match="storage address"):
        split_s3(uri)


def test_file_address_is_decoded(tmp_path: Path) -> None:
    assert local_path((tmp_path / "a b").as_uri()) == tmp_path / "a b"


@pytest.mark.parametrize(
    "uri", ["relative/path", "file://host/x", "/a/../b", "file:///a/%2e%2e/b", "file://[::1/x", "/a\x00b"]
)
def test_path_that_is_not_absolute_or_steps_out_is_refused(uri: str) -> None:
    with pytest.raises(InvalidInput):
        local_path(uri)


@pytest.mark.parametrize("part", ["", "..", "a/../b", "/a", "./a"])
def test_nothing_that_steps_out_is_joined(part: str) -> None:
    with pytest.raises(InvalidInput):
        join("s3://bucket/x", part)


@pytest.mark.parametrize(
    ("uri", "prefix", "allowed"),
    [
        ("s3://bucket/a/b", "s3://bucket", True),
        ("s3://bucket/a/b", "s3://bucket/", True),
        ("s3://bucket/a/b", "s3://bucket/a/", True),
        ("s3://bucket/ab", "s3://bucket/a", False),
        ("s3://bucket2/a", "s3://bucket", False),
        pytest.param("/data/x", "/data", True, marks=POSIX),
        pytest.param("file:///data/x", "/data", True, marks=POSIX),
        pytest.param("/database", "/data", False, marks=POSIX),
        pytest.param("C:/data/x", "c:\\DATA", True, marks=WINDOWS),
        pytest.param("file:///C:/data/x", "C:/data", True, marks=WINDOWS),
        pytest.param("C:/database", "C:/data", False, marks=WINDOWS),
        pytest.param("D:/data/x", "C:/data", False, marks=WINDOWS),
        pytest.param("//server/share/data/x", "//server/share/data", True, marks=WINDOWS),
        pytest.param("//other/share/data/x", "//server/share/data", False, marks=WINDOWS),
        pytest.param("//?/C:/data/x", "C:/data", False, marks=WINDOWS),
        ("/data/x", "s3://data", False),
    ],
)
def test_prefix_ends_where_a_folder_ends(uri: str, prefix: str, allowed: bool) -> None:
    assert within(uri, [prefix]) is allowed


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("s3://b/k/a%20b.bw", "a%20b.bw"),
        ("https://h/p/a%20b.bw?sig=/x", "a b.bw"),
        ("file:///p/a%20b", "a b"),
        ("https://h/x/?q=/y#/z", "x"),
        ("https://h", ""),
        ("https://h?x=/y", ""),
        ("https://[::1/x", "x"),
    ],
)
def test_file_name_is_decoded_where_the_scheme_encodes(uri: str, name: str) -> None:
    assert file_name(uri) == name


@pytest.mark.parametrize(
    ("preset", "uri"),
    [
        ({"remote_destination": "s3://b/x/"}, "s3://b/x/job-1/front.png"),
        ({"remote_destination": "s3://b/x"}, "s3://b/x/job-1/front.png"),
        ({"remote_destination": "s3://b"}, "s3://b/job-1/front.png"),
        (
            {"remote_destination": "s3://b/x/", "remote_destination_subfolder_type": "STYLE_ID"},
            "s3://b/x/style-7/front.png",
        ),
        ({"remote_destination": "s3://b/x/", "remote_destination_subfolder_type": "NONE"}, "s3://b/x/front.png"),
        pytest.param({"remote_destination": "/data/out"}, "/data/out/job-1/front.png", marks=POSIX),
        pytest.param({"remote_destination": "file:///data/a%20b/"}, "file:///data/a%20b/job-1/front.png", marks=POSIX),
        pytest.param({"remote_destination": "C:/out"}, r"C:\out\job-1\front.png", marks=WINDOWS),
        pytest.param({"remote_destination": "file:///C:/a%20b/"}, "file:///C:/a%20b/job-1/front.png", marks=WINDOWS),
    ],
)
def test_destination_is_prefix_subfolder_and_name(preset: dict[str, str], uri: str) -> None:
    assert join(destination_prefix(preset, job_id="job-1", style_id="style-7"), "front.png") == uri


@pytest.mark.parametrize(
    ("preset", "style_id", "pointer"),
    [
        ({}, None, "/remote_destination"),
        ({"remote_destination": ""}, None, "/remote_destination"),
        ({"remote_destination": ["s3://b"]}, None, "/remote_destination"),
        ({"remote_destination": "s3://b", "remote_destination_subfolder_type": "DATE"}, None, "subfolder_type"),
        ({"remote_destination": "s3://b", "remote_destination_subfolder_type": "STYLE_ID"}, None, "/style_id"),
        ({"remote_destination": "s3://b", "remote_destination_subfolder_type": "STYLE_ID"}, "a/b", "/style_id"),
        ({"remote_destination": "s3://b", "remote_destination_subfolder_type": "STYLE_ID"}, "a\\b", "/style_id"),
        ({"remote_destination": "s3://b", "remote_destination_subfolder_type": "STYLE_ID"}, "..", "storage address"),
    ],
)
def test_unusable_destination_is_refused_with_its_place(
    preset: dict[str, Any], style_id: str | None, pointer: str
) -> None:
    with pytest.raises(InvalidInput, match=pointer):
        destination_prefix(preset, job_id="job-1", style_id=style_id)


@pytest.mark.windows
@pytest.mark.parametrize("path", ["C:x", "C:", "\\\\x", "/x", "file:///x", r"C:\x\..\y"])
def test_a_path_that_depends_on_the_current_drive_or_directory_is_refused(path: str) -> None:
    with pytest.raises(InvalidInput):
        local_path(path)
