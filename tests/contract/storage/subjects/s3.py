"""S3, as a real server speaks it."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tests.contract.storage.subject import PART_BYTES, READ_FROM, WRITE_TO, Subject
from tests.s3_server import S3Server


def subject(request: pytest.FixtureRequest, directory: Path) -> Subject:
    server: S3Server = request.getfixturevalue("s3_server")
    request.getfixturevalue("s3_credentials")
    server.bucket("style-assets")
    folder = f"contract/{uuid.uuid4().hex}/"

    def leftovers() -> list[str]:
        found = server.client().list_multipart_uploads(Bucket="style-assets").get("Uploads", [])
        return [upload["Key"] for upload in found if upload["Key"].startswith(folder)]

    config = server.config(read_from=READ_FROM, write_to=WRITE_TO, part_bytes=PART_BYTES, bytes_in_flight=PART_BYTES)
    return Subject(config, f"s3://style-assets/{folder}", leftovers, (server.endpoint_url.removeprefix("http://"),))
