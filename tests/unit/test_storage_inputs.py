"""From job details to the inputs manifest."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.errors import InvalidInput
from openjd_vstitcher.names import same_file_key
from openjd_vstitcher.resources import resource
from openjd_vstitcher.storage.inputs.bodies import version_of
from openjd_vstitcher.storage.inputs.manifest import read_manifest, write_manifest
from openjd_vstitcher.storage.inputs.resolve import plain_name, unique_name
from tests.stored_inputs import BODY, refusal, resolve, root

__all__ = ["root"]

PASSWORDS = "C:/Windows/win.ini" if os.name == "nt" else "/etc/passwd"


def _job(name: str) -> dict[str, Any]:
    details: dict[str, Any] = json.loads(resource(f"examples/jobs/{name}.json").read_text())["details"]
    return details


def test_newest_garment_of_a_body_is_taken_and_loses_its_spaces(root: Path) -> None:
    (garment,) = resolve(root, _job("body_bundle"))
    assert (garment.role, garment.name) == ("garment", "TK-6129-V10newone.bw")
    assert garment.source_uri == f"s3://{BODY}/TK-6129-V10 new one.bw"
    assert garment.size_bytes == len(f"{BODY}/TK-6129-V10 new one.bw")
    assert garment.version


def test_each_replacement_is_one_object_and_clashing_names_differ(root: Path) -> None:
    entries = resolve(root, _job("style_bundle"))
    assert [(entry.role, entry.name) for entry in entries] == [
        ("garment", "TK-6129-V10newone.bw"),
        ("artwork_bundle", "a.png"),
        ("artwork_bundle", "sub/b.png"),
        ("artwork_replacement", "label.png"),
        ("artwork_replacement", "label-2.png"),
    ]


def test_local_storage_gives_file_addresses(root: Path) -> None:
    entry = resolve(root, {"body_code": "TK-6129", "artwork_file_path": "s3://artworks/stripes.png"})[1]
    assert entry.url == (root / "artworks/stripes.png").as_uri()


def test_https_input_is_recorded_without_its_query(root: Path) -> None:
    details = {"input_file_uri": "https://cdn.example.com/tee.bw?token=canary"}
    (entry,) = resolve(root, details, read_from=("https://cdn.example.com",))
    assert (entry.name, entry.source_uri) == ("tee.bw", "https://cdn.example.com/tee.bw")


@pytest.mark.parametrize(
    ("details", "message"),
    [
        ({}, "names no garment"),
        (
            {"input_file_uri": "s3://body-files/nothing.bw"},
            "/input_file_uri: s3://body-files/nothing.bw does not exist",
        ),
        ({"input_file_uri": PASSWORDS}, f"/input_file_uri: '{PASSWORDS}' is not among"),
        ({"body_code": "ZZ-1"}, "/body_code: no .bw file under s3://body-files/bodies/3d_body_files/zz_1/"),
        (
            {"body_code": "TK-6129", "remote_artwork_bundle_dir_path": "s3://artworks/none/"},
            "/remote_artwork_bundle_dir_path: no files under",
        ),
        (
            {"body_code": "TK-6129", "artwork_replacements": [{"remote_file_path": "s3://artworks/no.png"}]},
            "/artwork_replacements/0/remote_file_path: .* does not exist",
        ),
    ],
)
def test_input_that_is_not_there_is_refused_with_its_place(root: Path, details: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        resolve(root, details)


@pytest.mark.parametrize(
    ("given", "unique"),
    [
        (
            ["Label.png", "label.png", "LABEL.png", "label-2.png"],
            ["Label.png", "label-2.png", "LABEL-3.png", "label-2-2.png"],
        ),
        (
            ["caf\u00e9.png", "cafe\u0301.png", "CAF\u00c9.png"],
            ["caf\u00e9.png", "cafe\u0301-2.png", "CAF\u00c9-3.png"],
        ),
        (["sub/a.png", "SUB/A.png"], ["sub/a.png", "SUB/A-2.png"]),
    ],
)
def test_names_are_unique_for_file_systems_that_ignore_case_and_unicode_form(
    given: list[str], unique: list[str]
) -> None:
    taken: set[str] = set()
    assert [unique_name(name, taken) for name in given] == unique


def test_replacements_whose_names_differ_in_unicode_form_are_staged_as_two_files(root: Path) -> None:
    folder = root / "artworks/unicode"
    folder.mkdir()
    for name in ("caf\u00e9.png", "cafe\u0301.png"):
        (folder / name).write_bytes(b"x")
    if len(list(folder.iterdir())) == 1:
        pytest.skip("this file system takes the two names for one file")
    items = [
        {"name": str(n), "remote_file_path": f"s3://artworks/unicode/{path.name}"}
        for n, path in enumerate(folder.iterdir())
    ]
    entries = resolve(root, {"body_code": "TK-6129", "artwork_replacements": items})[1:]
    assert len({same_file_key(entry.name) for entry in entries}) == 2


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("a b.png", "a b.png"),
        ("a/NUL.png", "a/_NUL.png"),
        ("a\u200b/\u202egnp.b", "a/gnp.b"),
        ("sub/a:b?.png", "sub/a_b_.png"),
        ("../x", "_/x"),
        ("a\\b", "a_b"),
        ("x. ", "x"),
    ],
)
def test_objects_get_names_that_every_file_system_takes(name: str, plain: str) -> None:
    assert plain_name(name) == plain


def test_manifest_is_for_its_owner_only_and_comes_back_whole(root: Path) -> None:
    entries = resolve(root, _job("style_bundle"))
    path = root / "inputs.json"
    write_manifest(path, entries, {"style_id": "style-0043"})
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
    manifest = read_manifest(path)
    assert list(manifest.inputs) == entries
    assert manifest.details == {"style_id": "style-0043"}


@pytest.mark.parametrize(
    ("entry", "pointer"),
    [
        ({"role": "garment", "name": "../x", "url": "https://h/x"}, "/inputs/0/name"),
        ({"role": "garment", "name": "/x", "url": "https://h/x"}, "/inputs/0/name"),
        ({"role": "garment", "name": "a/../../x", "url": "https://h/x"}, "/inputs/0/name"),
        ({"role": "garment", "name": "a\\b", "url": "https://h/x"}, "/inputs/0/name"),
        ({"role": "garment", "name": "C:x", "url": "https://h/x"}, "/inputs/0/name"),
        ({"role": "garment", "name": "nul.bw", "url": "https://h/x"}, "/inputs/0/name: 'nul.bw' is a reserved name"),
        ({"role": "garment", "name": "a/b./x", "url": "https://h/x"}, "/inputs/0/name: 'b.' ends with a dot"),
        ({"role": "garment", "name": "\u202ex", "url": "https://h/x"}, r"/inputs/0/name: .* U\+202E"),
        ({"role": "garment", "name": "x" * 256, "url": "https://h/x"}, "/inputs/0/name: .* 255 bytes"),
        ({"role": "garment", "name": "x", "url": "ftp://h/canary"}, "/inputs/0/url"),
        ({"role": "virus", "name": "x", "url": "https://h/x"}, "/inputs/0/role"),
        ({"role": "garment", "name": "x"}, "/inputs/0"),
        ({"role": "garment", "name": "x", "url": "https://h/x", "headers": {"A": "b\r\nC: d"}}, "/inputs/0/headers"),
        ({"role": "garment", "name": "x", "url": "https://h/x", "sha256": "abc"}, "/inputs/0/sha256"),
    ],
)
def test_unusable_manifest_is_refused_without_repeating_urls(
    tmp_path: Path, entry: dict[str, Any], pointer: str
) -> None:
    path = tmp_path / "inputs.json"
    path.write_text(json.dumps({"inputs": [entry]}))
    with pytest.raises(InvalidInput, match=pointer) as caught:
        read_manifest(path)
    assert "canary" not in str(caught.value)


def test_manifest_can_be_a_bare_list(tmp_path: Path) -> None:
    path = tmp_path / "inputs.json"
    path.write_text(json.dumps([{"role": "garment", "name": "x.bw", "url": "file:///x.bw"}]))
    assert read_manifest(path).inputs[0].name == "x.bw"


def _bodies(root: Path, *names: str) -> dict[str, Any]:
    folder = root / BODY
    for old in folder.iterdir():
        old.unlink()
    for number, name in enumerate(names):
        (folder / name).write_bytes(b"x")
        os.utime(folder / name, (1000 - number, 1000 - number))
    return {"body_code": "TK-6129"}


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (None, "TK-6129-V9-3D_BODY.bw"),
        (9, "TK-6129-V9-3D_BODY.bw"),
        (10, "tk_6129_v10.bw"),
        (1, "TK-6129-V01-3D_BODY.bw"),
    ],
)
def test_body_version_that_is_asked_for_is_taken(root: Path, version: int | None, name: str) -> None:
    details = _bodies(root, "TK-6129-V9-3D_BODY.bw", "tk_6129_v10.bw", "TK-6129-V10-old.bw", "TK-6129-V01-3D_BODY.bw")
    assert resolve(root, {**details, "body_version": version})[0].name == name


@pytest.mark.parametrize("version", [-1, 0, 1, 77, 100])
def test_body_version_that_does_not_exist_is_refused_with_those_that_do(root: Path, version: int) -> None:
    details = _bodies(root, "TK-6129-V9-3D_BODY.bw", "TK-6129-V10-3D_BODY.bw", "TK-6129.bw", "TK-6129-V77.txt")
    (problem,) = refusal(root, {**details, "body_version": version})
    assert problem == (f"/body_version: no .bw file of version {version} under s3://{BODY}/; expected one of 9, 10")


def test_body_version_is_refused_where_file_names_carry_none(root: Path) -> None:
    details = _bodies(root, "TK-6129.bw")
    assert "its file names carry no version" in refusal(root, {**details, "body_version": 10})[0]
    assert resolve(root, details)[0].name == "TK-6129.bw"


def test_body_code_that_looks_like_a_version_is_none() -> None:
    assert version_of("TK-V2-V10-3D.bw", "TK-V2") == 10
    assert version_of("tk_v2_v10.bw", "TK-V2") == 10
    assert version_of("TK-V2.bw", "TK-V2") is None
    assert version_of("OVER9.bw", "TK") is None


def test_address_of_a_garment_wins_over_a_body_version(root: Path) -> None:
    uri = f"s3://{BODY}/TK-6129-V10-old.bw"
    assert resolve(root, {"input_file_uri": uri, "body_code": "TK-6129", "body_version": 9})[0].source_uri == uri
