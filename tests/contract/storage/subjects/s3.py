"""S3, as a real server speaks it."""

from __future__ import annotations

import functools
import uuid
from pathlib import Path

import pytest

from openjd_vstitcher.storage.adapters import open_storage
from openjd_vstitcher.storage.ports import Storage
from tests.contract.storage.subject import PART_BYTES, READ_FROM, WRITE_TO, Subject
from tests.s3_server import S3Server


def subject(request: pytest.FixtureRequest, directory: Path) -> Subject:
    server: S3Server = request.getfixturevalue("s3_server")
    request.getfixturevalue("s3_credentials")
    storage = _opened(server)
    folder = f"contract/{uuid.uuid4().hex}/"

    def leftovers() -> list[str]:
        found = server.client().list_multipart_uploads(Bucket="style-assets").get("Uploads", [])
        return [upload["Key"] for upload in found if upload["Key"].startswith(folder)]

    return Subject(storage, f"s3://style-assets/{folder}", leftovers, (server.endpoint_url.removeprefix("http://"),))


@functools.cache
def _opened(server: S3Server) -> Storage:
    """One for all tests, as a process has one for all of its outputs: boto3 takes a tenth of a second to open it."""
    server.bucket("style-assets")
    config = server.config(read_from=READ_FROM, write_to=WRITE_TO, part_bytes=PART_BYTES, bytes_in_flight=PART_BYTES)
    return open_storage(config)
