"""The sample jobs with S3 in and out, by the daemon, with canary secrets planted wherever the daemon has secrets."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

from openjd_vstitcher.config import Config, load_config
from openjd_vstitcher.documents import read_document
from openjd_vstitcher.journal import read_journal
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.values import NewJob
from openjd_vstitcher.resources import resource
from tests.s3_server import ACCESS_KEY, SECRET_KEY, S3Server

_CANARIES = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "HASURA_ADMIN_SECRET": "canary-hasura-51f0c2",
    "SOME_API_TOKEN": "canary-token-77aa01",
    "DATABASE_PASSWORD": "canary-password-0b6e",
}
_SECRETS = [value for name, value in _CANARIES.items() if name != "AWS_ACCESS_KEY_ID"]
_GARMENT = "bodies/3d_body_files/tk_6129/TK-6129 V10.bw"


def _config(directory: Path, server: S3Server) -> Path:
    path = directory / "config.toml"
    path.write_text(
        f"""
[platform]
path = "platform.sqlite"
[storage]
kind = "s3"
write_to = ["s3://style-assets/exports"]
[storage.s3]
endpoint_url = "{server.endpoint_url}"
region = "us-east-1"
path_style = true
[inputs]
cache_dir = "cache"
read_from = ["s3://body-files", "s3://artworks"]
[worker]
id = "s3-demo"
work_dir = "jobs"
[engine]
kind = "standin"
standin_max_pixels = 12000
"""
    )
    return path


def _picture() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (32, 32), "teal").save(data, "PNG")
    return data.getvalue()


def _submit(config: Config) -> list[str]:
    platform = open_platform(config.platform)
    ids = []
    for key, job_type in (("onboarding_v0", "BRAND_ONBOARDING"), ("techpack_v0", "DXA_EXPORT_ASSET_BUNDLE")):
        platform.put_preset(read_document(resource(f"examples/presets/{key}.json")))
        details = {
            "style_id": "style-0042",
            "body_code": "TK-6129",
            "remote_artwork_bundle_dir_path": "s3://artworks/bundles/style-0042/",
            "artwork_replacements": [{"name": "label", "remote_file_path": "s3://artworks/labels/label.png"}],
        }
        ids.append(platform.submit(NewJob(job_type, key, details)).id)
    platform.close()
    return ids


def _offenders(daemon: psutil.Process) -> Iterator[str]:
    """Where a secret shows: any command line, or the environment of what a session runs."""
    for process in [daemon, *daemon.children(recursive=True)]:
        try:
            arguments, environment = " ".join(process.cmdline()), process.environ()
        except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
            continue
        session = "run-job" not in arguments and process.pid != daemon.pid
        for secret in [*_SECRETS, "X-Amz-Signature"]:
            if secret in arguments:
                yield f"command line: {arguments}"
            if session and any(secret in value for value in environment.values()):
                yield f"environment of: {arguments}"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_sample_jobs_with_s3_in_and_out_and_no_secret_anywhere(s3_server: S3Server, tmp_path: Path) -> None:
    for bucket in ("body-files", "artworks", "style-assets"):
        s3_server.bucket(bucket)
    client = s3_server.client()
    client.upload_file(str(resource("examples/garments/tee.bw")), "body-files", _GARMENT)
    for key in ("bundles/style-0042/a.png", "bundles/style-0042/sub/b.png", "labels/label.png"):
        client.put_object(Bucket="artworks", Key=key, Body=_picture())
    config_file = _config(tmp_path, s3_server)
    config = load_config(config_file)
    ids = _submit(config)

    command = [sys.executable, "-m", "openjd_vstitcher.cli", "daemon", "--once", "--config", str(config_file)]
    seen: set[str] = set()
    with (tmp_path / "daemon.log").open("wb") as log:
        daemon = subprocess.Popen(command, env={**os.environ, **_CANARIES}, stdout=log, stderr=log)
        watched, pause = psutil.Process(daemon.pid), threading.Event()
        sessions = 0
        while daemon.poll() is None:
            seen.update(_offenders(watched))
            sessions = max(sessions, len(watched.children(recursive=True)))
            pause.wait(0.05)
    assert daemon.returncode == 0, (tmp_path / "daemon.log").read_text()[-3000:]
    assert sessions >= 3, "the engine was never seen, so nothing was tested"
    assert seen == set()

    platform = open_platform(config.platform)
    stored = 0
    for job_id in ids:
        assert platform.job(job_id).status == "COMPLETED_SUCCESS", platform.job(job_id)
        (directory,) = (tmp_path / "jobs").glob(f"{job_id}*")
        for asset in platform.assets(job_id):
            bucket, _, key = asset.path.removeprefix("s3://").partition("/")
            body = client.get_object(Bucket=bucket, Key=key)["Body"].read()
            assert key == f"exports/{job_id}/{asset.name}"
            assert body == (directory / "output" / asset.name).read_bytes()
            assert hashlib.sha256(body).hexdigest() == asset.details["sha256"]
            assert asset.status == "UPLOADED"
            stored += 1
        events = list(read_journal(directory / "journal.jsonl"))
        garments = [event for event in events if event.name == "staged" and event.fields["what"] == "garment"]
        assert garments[0].fields["uri"] == f"s3://body-files/{_GARMENT}"
        assert garments[0].fields["version"]
    platform.close()
    assert stored == 7
    assert _files_with_a_secret(tmp_path) == []


def _files_with_a_secret(directory: Path) -> list[str]:
    """Every file that the daemon wrote and a secret is in; signed URLs are for `inputs.json` only."""
    found = []
    for path in directory.rglob("*"):
        if not path.is_file() or path.is_symlink():
            continue
        content = path.read_bytes()
        secrets = [*_SECRETS, *([] if path.name == "inputs.json" else ["X-Amz-Signature="])]
        found += [f"{secret} in {path}" for secret in secrets if secret.encode() in content]
    return found
