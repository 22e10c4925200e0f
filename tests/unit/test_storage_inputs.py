"""From job details to the inputs manifest."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.config import Config, LocalStorageConfig, StorageConfig
from openjd_vstitcher.errors import InvalidInput
from openjd_vstitcher.names import same_file_key
from openjd_vstitcher.resources import resource
from openjd_vstitcher.storage.adapters import open_storage
from openjd_vstitcher.storage.inputs.manifest import InputEntry, read_manifest, write_manifest
from openjd_vstitcher.storage.inputs.resolve import plain_name, resolve_inputs, unique_name

_BODY = "body-files/bodies/3d_body_files/tk_6129"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = [f"{_BODY}/new one.bw", f"{_BODY}/old.bw", f"{_BODY}/newest.txt", "artworks/stripes.png"]
    files += ["artworks/bundles/style-0043/a.png", "artworks/bundles/style-0043/sub/b.png"]
    files += ["artworks/labels/label.png", "artworks/prints/label.png"]
    for number, name in enumerate(files):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
        os.utime(path, (1000 - number, 1000 - number))
    return tmp_path


def _resolve(root: Path, details: dict[str, Any]) -> list[InputEntry]:
    config = Config(storage=StorageConfig(local=LocalStorageConfig(root)))
    return resolve_inputs(details, open_storage(config), config.inputs)


def _job(name: str) -> dict[str, Any]:
    details: dict[str, Any] = json.loads(resource(f"examples/jobs/{name}.json").read_text())["details"]
    return details


def test_newest_garment_of_a_body_is_taken_and_loses_its_spaces(root: Path) -> None:
    (garment,) = _resolve(root, _job("body_bundle"))
    assert (garment.role, garment.name) == ("garment", "newone.bw")
    assert garment.source_uri == f"s3://{_BODY}/new one.bw"
    assert garment.size_bytes == len(f"{_BODY}/new one.bw")
    assert garment.version


def test_each_replacement_is_one_object_and_clashing_names_differ(root: Path) -> None:
    entries = _resolve(root, _job("style_bundle"))
    assert [(entry.role, entry.name) for entry in entries] == [
        ("garment", "newone.bw"),
        ("artwork_bundle", "a.png"),
        ("artwork_bundle", "sub/b.png"),
        ("artwork_replacement", "label.png"),
        ("artwork_replacement", "label-2.png"),
    ]


def test_local_storage_gives_file_addresses(root: Path) -> None:
    entry = _resolve(root, {"body_code": "TK-6129", "artwork_file_path": "s3://artworks/stripes.png"})[1]
    assert entry.url == (root / "artworks/stripes.png").as_uri()


def test_https_input_is_recorded_without_its_query(root: Path) -> None:
    (entry,) = _resolve(root, {"input_file_uri": "https://cdn.example.com/tee.bw?token=canary"})
    assert (entry.name, entry.source_uri) == ("tee.bw", "https://cdn.example.com/tee.bw")


@pytest.mark.parametrize(
    ("details", "message"),
    [
        ({}, "names no garment"),
        (
            {"input_file_uri": "s3://body-files/nothing.bw"},
            "/input_file_uri: s3://body-files/nothing.bw does not exist",
        ),
        ({"input_file_uri": "/etc/passwd"}, "/input_file_uri: '/etc/passwd' is not among"),
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
        _resolve(root, details)


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


def test_objects_whose_names_differ_in_unicode_form_are_staged_as_two_files(root: Path) -> None:
    bundle = root / "artworks/bundles/unicode"
    bundle.mkdir()
    for name in ("caf\u00e9.png", "cafe\u0301.png"):
        (bundle / name).write_bytes(b"x")
    if len(list(bundle.iterdir())) == 1:
        pytest.skip("this file system takes the two names for one file")
    details: dict[str, Any] = {
        "body_code": "TK-6129",
        "remote_artwork_bundle_dir_path": "s3://artworks/bundles/unicode/",
    }
    details["artwork_replacements"] = [
        {"name": str(n), "remote_file_path": f"s3://artworks/bundles/unicode/{path.name}"}
        for n, path in enumerate(bundle.iterdir())
    ]
    entries = _resolve(root, details)[1:]
    for role in ("artwork_bundle", "artwork_replacement"):
        names = [entry.name for entry in entries if entry.role == role]
        assert len({same_file_key(name) for name in names}) == 2


@pytest.mark.parametrize(
    ("name", "plain"),
    [("a b.png", "a b.png"), ("sub/a:b?.png", "sub/a_b_.png"), ("../x", "_/x"), ("a\\b", "a_b"), ("x. ", "x")],
)
def test_objects_get_names_that_every_file_system_takes(name: str, plain: str) -> None:
    assert plain_name(name) == plain


def test_manifest_is_for_its_owner_only_and_comes_back_whole(root: Path) -> None:
    entries = _resolve(root, _job("style_bundle"))
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
