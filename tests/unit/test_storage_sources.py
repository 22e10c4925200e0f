"""Which inputs a job may name: addresses, hosts, artworks, sizes. What is wrong is refused with its place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.config import Config, InputsConfig, LocalStorageConfig, StorageConfig
from openjd_vstitcher.errors import InvalidInput
from openjd_vstitcher.storage.adapters import open_storage
from openjd_vstitcher.storage.inputs.resolve import check_details, resolve_inputs
from tests.stored_inputs import refusal, resolve, root

__all__ = ["root"]


@pytest.mark.parametrize("read_from", [(), ("s3://",), ("https://cdn.example.com/in",), ("https://cdn.example.org",)])
def test_https_needs_a_prefix_in_read_from(root: Path, read_from: tuple[str, ...]) -> None:
    (problem,) = refusal(root, {"input_file_uri": "https://cdn.example.com/tee.bw?x=canary"}, read_from=read_from)
    assert problem == (
        "/input_file_uri: https://cdn.example.com/tee.bw is not among the addresses that inputs.read_from allows"
    )


def test_url_of_the_user_of_this_machine_needs_no_prefix(root: Path) -> None:
    (entry,) = resolve(root, {"input_file_uri": "https://cdn.example.com/tee.bw"}, own_urls=True)
    assert (entry.redirect_to, entry.signed_for) == (None, "")


def test_url_of_a_job_is_redirected_only_to_where_it_could_lead_at_once(root: Path) -> None:
    read_from = ("s3://body-files", "https://cdn.example.com/in", "https://blobs.example.com")
    (entry,) = resolve(root, {"input_file_uri": "https://cdn.example.com/in/tee.bw"}, read_from=read_from)
    assert (entry.redirect_to, entry.signed_for) == (read_from[1:], "")


def test_only_what_the_storage_signed_is_trusted(root: Path) -> None:
    class Signing:
        def presign(self, uri: str, **_: Any) -> str:
            return f"http://10.0.0.1:8333/{uri.removeprefix('s3://')}?X-Amz-Signature=1"

        def __getattr__(self, name: str) -> Any:
            return getattr(open_storage(config), name)

    config = Config(
        storage=StorageConfig(local=LocalStorageConfig(root)),
        inputs=InputsConfig(read_from=("s3://body-files", "https://10.0.0.1:8333"), allow_private_hosts=("10.0.0.1",)),
    )
    storage: Any = Signing()
    details = {"body_code": "TK-6129", "signed_for": "evil", "artwork_file_path": "https://10.0.0.1:8333/x.png"}
    garment, artwork = resolve_inputs(details, storage, config.inputs)
    assert (garment.signed_for, garment.redirect_to) == ("10.0.0.1:8333", ())
    assert artwork.signed_for == ""


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "localhost", "[::1]", "[64:ff9b::7f00:1]", "10.0.0.1:8443"])
def test_private_host_is_refused_before_anything_starts(root: Path, host: str) -> None:
    read_from = ("s3://body-files", f"https://{host}")
    details = {"body_code": "TK-6129", "artwork_replacements": [{"remote_file_path": f"https://{host}/label.png"}]}
    (problem,) = refusal(root, details, read_from=read_from)
    assert problem.startswith(f"/artwork_replacements/0/remote_file_path: https://{host}/label.png leads to a private")
    allowed = (host.strip("[]"),)
    assert len(resolve(root, details, read_from=read_from, allow_private_hosts=allowed)) == 2


@pytest.mark.parametrize("url", ["https://h:99999/x", "https://a..b/x", "https://[::1/x", "https://u:canary@h/x"])
def test_url_that_cannot_be_requested_is_refused_with_its_place(url: str) -> None:
    details = {
        "input_file_uri": url,
        "remote_artwork_bundle_dir_path": url,
        "artwork_replacements": [{"remote_file_path": url}],
    }
    with pytest.raises(InvalidInput) as caught:
        check_details(details)
    assert [problem.pointer for problem in caught.value.problems] == [
        "/input_file_uri",
        "/remote_artwork_bundle_dir_path",
        "/artwork_replacements/0/remote_file_path",
    ]
    assert "canary" not in str(caught.value)


def test_what_submit_would_refuse_is_refused_in_a_row_of_the_queue_too(root: Path) -> None:
    items = [{"name": name, "remote_file_path": f"s3://artworks/{name}.png"} for name in ("a_b", "A-B")]
    problems = refusal(root, {"input_file_uri": "https://h:99999/x", "artwork_replacements": items})
    assert [problem.partition(":")[0] for problem in problems] == ["/input_file_uri", "/artwork_replacements/1/name"]


def test_replacements_of_one_material_are_refused_with_both_places() -> None:
    items = [
        {"name": "back-print", "remote_file_path": "s3://artworks/a.png"},
        {"name": "neck", "remote_file_path": "s3://artworks/Label.png"},
        {"name": "Back_Print", "remote_file_path": "s3://artworks/b.png"},
        {"remote_file_path": "https://h/back%20print.png?sig=1"},
        {"name": "back print", "remote_file_path": "s3://artworks/a.png"},
    ]
    with pytest.raises(InvalidInput) as caught:
        check_details({"artwork_replacements": items})
    first = "names the same material as /artwork_replacements/0; expected one file for each material"
    assert [str(problem) for problem in caught.value.problems] == [
        f"/artwork_replacements/2/name: 'Back_Print' {first}",
        f"/artwork_replacements/3/remote_file_path: 'back print' {first}",
    ]


@pytest.mark.parametrize(
    ("names", "clash"),
    [
        (("back-print.png", "Back_Print.PNG"), True),
        (("a.png", "a.u3m"), True),
        (("cafe\u0301.png", "CAF\u00c9.jpg"), True),
        (("a\u200b.png", "a.png"), True),
        (("a.png", "a.txt"), False),
        (("a.png", "sub/a.png"), False),
        (("a.png", "b.png"), False),
    ],
)
def test_files_of_a_bundle_for_one_material_are_refused_with_both_addresses(
    root: Path, names: tuple[str, str], clash: bool
) -> None:
    for name in names:
        path = root / "artworks/clash" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    details = {"body_code": "TK-6129", "remote_artwork_bundle_dir_path": "s3://artworks/clash/"}
    if not clash:
        assert len(resolve(root, details)) == 3
        return
    (problem,) = refusal(root, details)
    assert all(f"s3://artworks/clash/{name}" in problem for name in names)
    assert problem.startswith("/remote_artwork_bundle_dir_path: ")


def test_bundle_of_too_many_files_is_refused_before_it_is_fetched(root: Path) -> None:
    details = {"body_code": "TK-6129", "remote_artwork_bundle_dir_path": "s3://artworks"}
    (problem,) = refusal(root, details, max_objects=4)
    assert problem == (
        "/remote_artwork_bundle_dir_path: more than 4 files are under s3://artworks/; inputs.max_objects allows 4"
    )
    assert len(resolve(root, details, max_objects=5)) == 6


def test_input_that_is_too_large_is_refused_before_it_is_fetched(root: Path) -> None:
    size = (root / "artworks/stripes.png").stat().st_size
    details = {"body_code": "TK-6129", "artwork_file_path": "s3://artworks/stripes.png"}
    garment = resolve(root, details)[0].size_bytes
    assert garment is not None
    (problem,) = refusal(root, details, max_bytes=garment - 1)
    assert problem.startswith("/body_code: ")
    assert problem.endswith(f"has {garment} bytes; inputs.max_bytes allows {garment - 1}")
    (problem,) = refusal(root, details, max_total_bytes=garment + size - 1)
    assert problem.startswith(f"/: its inputs have {garment + size} bytes")
    assert len(resolve(root, details, max_bytes=garment, max_total_bytes=garment + size)) == 2


@pytest.mark.skipif(os.name == "nt", reason="no device files")
def test_device_or_link_that_leads_out_is_refused(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.png"
    outside.write_bytes(b"secret")
    folder = root / "artworks/links"
    folder.mkdir()
    (folder / "link.png").symlink_to(outside)
    (folder / "near.png").symlink_to(root / "artworks/stripes.png")
    os.mkfifo(folder / "pipe.png")
    body = {"body_code": "TK-6129"}
    assert "leads out" in refusal(root, {**body, "artwork_file_path": "s3://artworks/links/link.png"})[0]
    bundle_of_links = {**body, "remote_artwork_bundle_dir_path": "s3://artworks/links"}
    (problem,) = refusal(root, bundle_of_links)
    assert problem.startswith("/remote_artwork_bundle_dir_path: 's3://artworks/links/link.png' is a symbolic link")
    assert "is not a file" in refusal(root, {**body, "artwork_file_path": "s3://artworks/links/pipe.png"})[0]
    near = resolve(root, {**body, "artwork_file_path": "s3://artworks/links/near.png"})[1]
    assert near.url == (root / "artworks/stripes.png").as_uri()
    everything = {"read_from": (f"{root.as_uri()}", "file:///dev")}
    assert "is not a file" in refusal(root, {"input_file_uri": "file:///dev/zero"}, **everything)[0]
    (folder / "link.png").unlink()
    bundle = resolve(
        root,
        {**body, "remote_artwork_bundle_dir_path": f"{root.as_uri()}/artworks/links"},
        read_from=(root.as_uri(), "s3://body-files"),
    )
    assert [entry.name for entry in bundle[1:]] == ["near.png"]
