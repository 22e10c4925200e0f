"""A job directory whose outputs go to a real S3 server and into a real catalogue, for the tests that break things."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openjd_vstitcher.attempt.directory import AttemptDirectory
from openjd_vstitcher.attempt.request import AttemptRequest
from openjd_vstitcher.config import Config, load_config
from openjd_vstitcher.journal import Journal
from openjd_vstitcher.outputs.sync import OutputSync
from openjd_vstitcher.outputs.values import Delivery
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.values import NewJob
from openjd_vstitcher.storage.adapters import open_storage
from openjd_vstitcher.translation.outputs import ExpectedOutput
from tests.s3_server import ACCESS_KEY, SECRET_KEY, S3Server

BUCKET = "style-assets"
_HOUR_S = 3600.0


@dataclass(frozen=True)
class S3Job:
    """A claimed job with its outputs written and none of them delivered."""

    directory: AttemptDirectory
    config_file: Path
    job_id: str
    names: Sequence[str]
    server: S3Server

    @property
    def config(self) -> Config:
        return load_config(self.config_file)

    def environment(self) -> dict[str, str]:
        """The environment of a job process: it has the credentials, its session would not."""
        secrets = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
        return {**os.environ, **secrets, "AWS_EC2_METADATA_DISABLED": "true", "OPENJD_VS_CONFIG": str(self.config_file)}

    def start_resume(self) -> subprocess.Popen[bytes]:
        """`openjd-vs outputs resume` on this job, as a process of its own."""
        command = [sys.executable, "-m", "openjd_vstitcher.cli", "outputs", "resume", str(self.directory.path)]
        return subprocess.Popen(
            command, env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )

    def check_all_delivered(self) -> None:
        """Every object equals its file, each has one asset row that says so, and nothing unfinished is left."""
        client = self.server.client()
        for name in self.names:
            body = client.get_object(Bucket=BUCKET, Key=f"exports/{self.job_id}/{name}")["Body"]
            assert hashlib.file_digest(body, "sha256").hexdigest() == _sha256(self.directory.output / name), name
        platform = open_platform(self.config.platform)
        rows = platform.assets(self.job_id)
        platform.close()
        assert sorted(row.name for row in rows) == sorted(self.names)
        assert {row.status for row in rows} == {"UPLOADED"}
        for row in rows:
            assert row.details["sha256"] == _sha256(self.directory.output / row.name)
        uploads: list[Any] = client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        assert [upload["Key"] for upload in uploads if self.job_id in upload["Key"]] == []


def make_s3_job(
    directory: Path, server: S3Server, sizes: Sequence[int], *, seed: int, endpoint_url: str | None = None
) -> S3Job:
    """Claim a job, and write its outputs with random content.

    Parameters
    ----------
    sizes: bytes of each output.
    endpoint_url: where the job finds its storage, if not at the server itself.
    """
    server.bucket(BUCKET)
    config_file = _write_config(directory, endpoint_url or server.endpoint_url)
    config = load_config(config_file)
    job_id = str(uuid.UUID(int=random.Random(seed).getrandbits(128), version=4))
    names = [f"output{n:02}.bin" for n in range(len(sizes))]
    platform = open_platform(config.platform)
    platform.put_preset({"key": "p", "name": "p", "version": 1, "details": {"instructions": []}})
    platform.submit(NewJob("TEST", "p", {}, id=job_id))
    claim = platform.claim("worker", ["TEST"], lease_s=_HOUR_S)
    platform.close()
    assert claim is not None
    assert claim.job.id == job_id
    job_directory = AttemptDirectory(directory / job_id)
    job_directory.create(AttemptRequest.of(claim, 0.0))
    content = random.Random(seed)
    for name, size in zip(names, sizes, strict=True):
        (job_directory.output / name).write_bytes(content.randbytes(size))
    journal = Journal(job_directory.journal, job_id=job_id, attempt=claim.attempt)
    delivery = Delivery(open_storage(config), f"s3://{BUCKET}/exports/{job_id}", open_platform(config.platform), claim)
    expected = [ExpectedOutput(name, True, "MEDIA_RENDER", n) for n, name in enumerate(names)]
    OutputSync(job_directory.output, expected, ledger=job_directory.ledger, journal=journal, delivery=delivery).stop()
    return S3Job(job_directory, config_file, job_id, names, server)


def _write_config(directory: Path, endpoint_url: str) -> Path:
    path = directory / "config.toml"
    path.write_text(
        f"""
[platform]
path = "platform.sqlite"
[storage]
kind = "s3"
write_to = ["s3://{BUCKET}/exports"]
[storage.s3]
endpoint_url = "{endpoint_url}"
region = "us-east-1"
path_style = true
part_bytes = {5 << 20}
[outputs]
retry_first_s = 0.05
retry_longest_s = 0.5
"""
    )
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
