"""A real S3 server (SeaweedFS) for tests, started once for each test session on free ports."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError

from openjd_vstitcher.config import Config, InputsConfig, S3StorageConfig, StorageConfig

ACCESS_KEY = "TESTACCESSKEY0000001"
SECRET_KEY = "canary-s3-secret-3f9c1e7a"
_START_LIMIT_S = 40.0
_STARTS = 3


@dataclass(frozen=True)
class S3Server:
    """A server that is up."""

    endpoint_url: str

    def client(self) -> Any:
        """A plain boto3 client, for looking from outside at what the code under test did."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=ClientConfig(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 3}),
        )

    def bucket(self, name: str) -> str:
        """A bucket of this name, made if it is not there."""
        try:
            self.client().create_bucket(Bucket=name)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("BucketAlreadyExists", "BucketAlreadyOwnedByYou"):
                raise
        return name

    def config(
        self,
        read_from: Sequence[str] = ("s3://style-assets", "s3://body-files", "s3://artworks"),
        write_to: Sequence[str] = ("s3://style-assets",),
        **s3: Any,
    ) -> Config:
        """A configuration for this server; all of its buckets are allowed, and `s3` changes `[storage.s3]`."""
        given = {"endpoint_url": self.endpoint_url, "region": "us-east-1", "path_style": True}
        return Config(
            storage=StorageConfig(kind="s3", write_to=tuple(write_to), s3=S3StorageConfig(**{**given, **s3})),
            inputs=InputsConfig(read_from=tuple(read_from)),
        )


@contextmanager
def running_server(directory: Path) -> Iterator[S3Server]:
    """Start a server with its data in a directory, and end it."""
    for attempt in range(1, _STARTS + 1):
        data = directory / f"start{attempt}"
        data.mkdir()
        process, server = _start(data)
        try:
            if _comes_up(server, process):
                yield server
                return
        finally:
            process.kill()
            process.wait()
    raise AssertionError(f"no S3 server: {(data / 'weed.log').read_text()[-2000:]}")


def _start(directory: Path) -> tuple[subprocess.Popen[bytes], S3Server]:
    ports = _free_ports(9)
    identities = directory / "s3.json"
    credentials = [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    identities.write_text(json.dumps({"identities": [{"name": "t", "credentials": credentials, "actions": actions}]}))
    names = ["master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc"]
    names += ["s3.port", "s3.port.grpc", "s3.port.iceberg"]
    arguments = [f"-{name}={port}" for name, port in zip(names, ports, strict=True)]
    fixed = ["-dir", str(directory), "-ip=127.0.0.1", "-filer", "-s3", f"-s3.config={identities}"]
    fixed += [
        "-s3.autoCreateBucket=false",
        "-s3.port.lance=0",
        "-volume.max=0",
        "-master.volumeSizeLimitMB=256",
        "-master.telemetry=false",
        "-volume.preStopSeconds=0",
    ]
    weed = Path(sys.executable).parent / ("weed.exe" if os.name == "nt" else "weed")
    with (directory / "weed.log").open("wb") as log:
        process = subprocess.Popen([weed, "server", *fixed, *arguments], stdout=log, stderr=log, cwd=directory)
    return process, S3Server(f"http://127.0.0.1:{ports[6]}")


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One server for all tests that use it."""
    with running_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def s3_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's credentials in the environment, where boto3 looks for them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def _comes_up(server: S3Server, process: subprocess.Popen[bytes]) -> bool:
    """Whether it does; not when another program took one of its ports in the meantime."""
    deadline = time.monotonic() + _START_LIMIT_S
    client, pause = server.client(), threading.Event()
    while process.poll() is None and time.monotonic() < deadline:
        try:
            client.create_bucket(Bucket="up-and-running")
            client.put_object(Bucket="up-and-running", Key="probe", Body=b"1")
        except (BotoCoreError, ClientError):
            pause.wait(0.2)
        else:
            return True
    return False


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports
