"""Assets and logs over HTTP."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from openjd_vstitcher.config import load_config
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.ports import Platform
from openjd_vstitcher.platform.values import Claim, NewAsset, NewJob, Outcome
from tests.api_server import PRESET, ApiServer, api, api_server, embedded_config, platform
from tests.s3_server import ACCESS_KEY, SECRET_KEY, S3Server

__all__ = ["api", "platform"]

CONTENT = bytes(range(256)) * 40
NAME = "left front ü.png"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with api_server(embedded_config(tmp_path_factory.mktemp("files"), 'link_s = 3\nauth = "auto"\n')) as server:
        yield server


def claimed(platform: Platform) -> Claim:
    platform.submit(NewJob("TEST", "onboarding_v0", {"input_file_uri": "/a.bw"}))
    claim = platform.claim("worker-1", ["TEST"], lease_s=60)
    assert claim is not None
    return claim


def stored(platform: Platform, claim: Claim, name: str, path: str, content_type: str = "image/png") -> None:
    """An asset that is complete."""
    details = {
        "content_type": content_type,
        "size_bytes": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
    }
    asset_id = platform.begin_asset(claim, NewAsset(name, "MEDIA_RENDER", path, False, details=details))
    platform.asset_uploaded(claim, asset_id, {})


@pytest.fixture
def asset(server: ApiServer, platform: Platform) -> str:
    """The path of an asset in the API."""
    claim = claimed(platform)
    file = server.config.parent / "storage" / "bucket" / claim.job.id / NAME
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    stored(platform, claim, NAME, f"s3://bucket/{claim.job.id}/{NAME}")
    return f"/v1/tasks/{claim.job.id}/assets"


def test_an_asset_is_read_whole_and_in_parts(api: httpx.Client, asset: str) -> None:
    (shown,) = api.get(asset).json()["assets"]
    assert (shown["name"], shown["sizeBytes"], shown["contentType"]) == (NAME, len(CONTENT), "image/png")
    whole = api.get(shown["url"])
    assert (whole.content, whole.headers["content-type"]) == (CONTENT, "image/png")
    assert "sandbox" in whole.headers["content-security-policy"]
    part = api.get(shown["url"], headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, CONTENT[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(CONTENT)}"
    assert api.get(shown["url"], headers={"Range": "bytes=-5"}).content == CONTENT[-5:]
    assert api.get(shown["url"], headers={"Range": "bytes=99999-"}).status_code == 416
    assert api.get(shown["url"], headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
    head = api.head(shown["url"])
    assert (head.content, head.headers["content-length"]) == (b"", str(len(CONTENT)))


def test_a_link_opens_one_asset_for_a_while(api: httpx.Client, asset: str) -> None:
    link = api.get(asset).json()["assets"][0]["link"]
    outside = {"X-Forwarded-For": "10.0.0.1"}
    opened = time.monotonic()
    assert api.get(link, headers=outside).content == CONTENT
    query = parse_qs(urlsplit(link).query)
    later = link.replace(query["expires"][0], str(int(query["expires"][0]) + 1000))
    other = link.replace(query["signature"][0], query["signature"][0][::-1])
    strange = f"{link.rpartition('=')[0]}=%C3%BC"
    for changed in (later, other, strange, link.replace("left", "right")):
        assert api.get(changed, headers=outside).status_code == 403
    assert api.get(link.partition("?")[0], headers=outside).status_code == 401
    while api.get(link, headers=outside).status_code == 200 and time.monotonic() < opened + 30:
        time.sleep(0.2)
    assert api.get(link, headers=outside).status_code == 403


def test_what_is_not_complete_or_not_in_storage_is_not_served(
    server: ApiServer, api: httpx.Client, platform: Platform
) -> None:
    claim = claimed(platform)
    secret = server.config.parent / "secret.txt"
    secret.write_text("secret")
    stored(platform, claim, "gone.png", "s3://bucket/gone.png")
    stored(platform, claim, "outside.txt", secret.as_uri(), "text/plain")
    stored(platform, claim, "above.txt", "s3://bucket/../../secret.txt", "text/plain")
    link = server.config.parent / "storage" / "bucket" / "link.txt"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    os.symlink(secret, link)
    stored(platform, claim, "link.txt", "s3://bucket/link.txt", "text/plain")
    platform.begin_asset(claim, NewAsset("begun.png", "MEDIA_RENDER", "s3://bucket/begun.png", False))
    path = f"/v1/tasks/{claim.job.id}/assets"
    urls = {row["name"]: row["url"] for row in api.get(path).json()["assets"]}
    assert urls["begun.png"] is None
    for name in ("gone.png", "outside.txt", "above.txt", "link.txt", "begun.png"):
        answer = api.get(f"{path}/{name}")
        assert answer.status_code in (404, 422), name
        assert answer.headers["content-type"] == "application/problem+json"
        assert str(server.config.parent / "storage") not in answer.text


def test_a_log_is_read_from_an_offset_and_followed_to_its_end(
    server: ApiServer, api: httpx.Client, platform: Platform
) -> None:
    claim = claimed(platform)
    logs = f"/v1/tasks/{claim.job.id}/logs"
    missing = api.get(logs)
    assert (missing.status_code, "worker-1" in missing.json()["detail"]) == (404, True)
    directory = server.config.parent / "jobs" / f"{claim.job.id}.1"
    directory.mkdir(parents=True)
    log = directory / "session.log"
    log.write_text("first\nsecond\n")
    assert api.get(logs).text == "first\nsecond\n"
    assert api.get(logs, params={"offset": 6}).text == "second\n"
    with api.stream("GET", logs, params={"follow": True}) as answer:
        lines = answer.iter_lines()
        assert [next(lines), next(lines)] == ["first", "second"]
        with log.open("a") as file:
            file.write("third\n")
        assert next(lines) == "third"
        with log.open("a") as file:
            file.write("last\n")
        threading.Thread(target=platform.finish, args=(claim, Outcome("COMPLETED_SUCCESS"))).start()
        assert list(lines) == ["last"]
    assert api.get(logs, params={"log": "engine"}).status_code == 404
    assert api.get(logs, params={"log": "../session"}).status_code == 422


def test_an_asset_in_s3_is_read_there(s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    s3_server.bucket("style-assets")
    s3_server.client().put_object(Bucket="style-assets", Key="exports/a.png", Body=CONTENT)
    config = embedded_config(tmp_path)
    s3 = (
        '[storage]\nkind = "s3"\nwrite_to = ["s3://style-assets/exports"]\n[storage.s3]\n'
        f'endpoint_url = "{s3_server.endpoint_url}"\npath_style = true\nregion = "us-east-1"\n'
    )
    text = config.read_text().replace('[storage.local]\nroot = "storage"\n', s3)
    config.write_text(text.replace('read_from = ["/"]', 'read_from = ["s3://garments"]'))
    platform = open_platform(load_config(config).platform)
    platform.put_preset(PRESET)
    claim = claimed(platform)
    stored(platform, claim, "a.png", "s3://style-assets/exports/a.png")
    stored(platform, claim, "b.png", "s3://garments/b.png")
    platform.close()
    with api_server(config) as server, server.client() as api:
        path = f"/v1/tasks/{claim.job.id}/assets"
        redirect = api.get(f"{path}/a.png")
        assert redirect.status_code == 307
        assert httpx.get(redirect.headers["location"], headers={"Range": "bytes=0-9"}).content == CONTENT[:10]
        assert api.get(f"{path}/b.png").status_code == 422
